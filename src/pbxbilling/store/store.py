"""The ports `AccountStore`, `CallStore` and `Cursors` on an SQL database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin
from pbxbilling.accounts.records import Accounts, AuditRecord
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import CallRecord, DecisionRecord, LegRecord, PbxMark, UsageRow
from pbxbilling.kernel.codes import Outcome
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Consequences
from pbxbilling.kernel.records import Record
from pbxbilling.store import schema
from pbxbilling.store.clamped import clamped_plan, clamped_tenant
from pbxbilling.store.database.backup import copy_database
from pbxbilling.store.database.engine import writer_engine
from pbxbilling.store.database.faults import FileError, check_exists, told_outside_the_body
from pbxbilling.store.database.migrate import migrate
from pbxbilling.store.invoice_runs import SqlInvoiceRuns
from pbxbilling.store.purged_usage import usage_query
from pbxbilling.store.reads import PooledReads
from pbxbilling.store.retention import SqlRetention
from pbxbilling.store.rows import accounts as account_rows
from pbxbilling.store.rows import calls as call_rows
from pbxbilling.store.rows.values import to_us
from pbxbilling.store.statements import SqlStatements
from pbxbilling.store.subscriptions import SqlSubscriptions
from pbxbilling.store.transaction import Nesting, SqlTransaction, run_again_on_conflict
from pbxbilling.store.usage_events import SqlMeterOutbox
from pbxbilling.store.writes import Writes

T = TypeVar("T")


class SqlStore:
    """Records in an SQLite file. Reads have connections of their own and never wait for writes.

    Its parts, each a port of its own: `subscription_store` (what the payment gateway said),
    `statement_store`, `meters` (usage that the gateway charges), `invoice_runs`, and
    `retention_store` (what of all that grows old).
    """

    def __init__(self, path: Path, consequences: Consequences | None = None) -> None:
        """`consequences` are asked before each commit for what follows from its facts."""
        self.consequences = consequences
        self._path = path
        self._inode = _inode(path)
        self._writer = writer_engine(path)
        self._reads = PooledReads(path)
        self.subscription_store = SqlSubscriptions(self._reads)
        self.statement_store = SqlStatements(self._reads)
        self.meters = SqlMeterOutbox(self._reads)
        self.retention_store = SqlRetention(self._reads, self._connection)
        self.invoice_runs = SqlInvoiceRuns(self._reads)
        self._writes = Writes(self._writer.dialect.name)
        self._nesting = Nesting()

    @classmethod
    async def open(cls, path: Path, *, create: bool = True) -> Self:
        """Bring the schema up to date and open the database, which is made where there is none.

        Raises `StoreError` where the file cannot serve, or is not there and is not to be made.
        """
        if not create:
            await asyncio.to_thread(check_exists, path)
        await asyncio.to_thread(migrate, path)
        return cls(path)

    async def close(self) -> None:
        """Close every connection; the last one folds SQLite's log into the file.

        What is used afterwards is opened anew.
        """
        await self._reads.close()
        await self._writer.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def backup(self, to: Path) -> None:
        """Copy the database as it stands, while it is in use; `to` appears when it is whole."""
        await asyncio.to_thread(copy_database, self._path, to)

    async def commit(self, records: Sequence[Record], facts: Sequence[Fact] = ()) -> None:
        """Write all of them, and what follows from `facts`, in one durable transaction, or none."""
        if records or (facts and self.consequences is not None):
            await self.transact("commit", lambda transaction: transaction.write(records, facts))

    async def transact(self, key: str, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction; run it again as a whole where the database gives it up."""

        async def run() -> T:
            async with self.transaction(key) as transaction:
                return await work(transaction)

        return await run_again_on_conflict(run)

    @asynccontextmanager
    async def transaction(self, key: str) -> AsyncIterator[SqlTransaction]:
        """Open a durable transaction, all or nothing, that excludes every other one.

        There is one writing connection: of any two transactions one waits for the other, whatever
        their keys are. Raises StoreError, and RuntimeError inside another one of this store.
        """
        with self._nesting.inside(key):
            if await self._replaced():
                await self.close()
            try:
                async with told_outside_the_body(self._path, self._writer.begin()) as connection:
                    opened = SqlTransaction(self._path, connection, self._writes, self.consequences)
                    with opened.body() as transaction:
                        yield transaction
            except FileError:
                await self.close()  # the next use opens what stands there then
                raise

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """Give the connection of a transaction of its own; raise StoreError."""
        async with self.transaction("retention") as transaction, transaction.connection() as opened:
            yield opened

    async def _replaced(self) -> bool:
        """Whether the path stands for another file than before: the open one is nobody's then.

        Asked in a thread: a disk that hangs must not hold the event loop.
        """
        before, self._inode = self._inode, await asyncio.to_thread(_inode, self._path)
        return before != self._inode

    async def cursor(self, name: str) -> datetime | None:
        """How far something has come; None before its beginning."""
        return await self._reads.cursor(name)

    async def accounts(self) -> Accounts:
        """All plans and tenants, by slug."""
        plans, tenants = await self._reads.made(
            (select(schema.plan).order_by(schema.plan.c.slug), account_rows.plan_record),
            (account_rows.all_tenants(), account_rows.tenant_record),
        )
        notices: list[str] = []
        return Accounts(
            tuple(clamped_plan(plan, notices) for plan in plans),
            tuple(clamped_tenant(tenant, notices) for tenant in tenants),
            tuple(notices),
        )

    async def key_origins(self, kind: AccountKind, slug: str) -> list[KeyOrigin]:
        """Who set the keys of a plan or tenant last, by key; of those without one, the file."""
        origin = schema.key_origin.c
        query = select(schema.key_origin).where(origin.kind == kind.value, origin.slug == slug)
        return await self._reads.many(query.order_by(origin.key), account_rows.origin_record)

    async def keys_not_by_file(self) -> list[KeyOrigin]:
        """The keys of all plans and tenants that another than the file set last."""
        query = select(schema.key_origin).where(schema.KEY_NOT_BY_FILE)
        return await self._reads.many(query, account_rows.origin_record)

    async def open_calls(self) -> list[CallRecord]:
        """Calls that have not ended, oldest first."""
        call = schema.call
        query = select(call).where(schema.CALL_OPEN).order_by(call.c.started_at, call.c.call)
        return await self._reads.many(query, call_rows.call_record)

    async def open_legs(self) -> list[LegRecord]:
        """Answered trunk legs that have not ended, oldest first."""
        leg = schema.leg
        query = select(leg).where(schema.LEG_OPEN).order_by(leg.c.started_at, leg.c.uniqueid)
        return await self._reads.many(query, call_rows.leg_record)

    async def legs(self, keys: Iterable[ChannelKey]) -> dict[ChannelKey, LegRecord]:
        """What is known of these trunk legs; unknown ones are left out."""
        leg = schema.leg
        found = await self._reads.keyed(
            select(leg), (leg.c.pbx, leg.c.uniqueid), keys, call_rows.leg_record
        )
        return {record.key: record for record in found}

    async def unowned_legs(self) -> list[LegRecord]:
        """Answered and ended trunk legs that belong to nobody, newest first."""
        leg = schema.leg
        query = select(leg).where(schema.LEG_UNOWNED)
        query = query.order_by(leg.c.ended_at.desc(), leg.c.uniqueid.desc())
        return [call_rows.leg_record(row) for row in await self._reads.rows(query)]

    async def estimated_legs(
        self, *, tenant: str | None = None, month: str | None = None
    ) -> list[LegRecord]:
        """Ended legs that are `LegRecord.estimated`, newest first; None does not filter."""
        leg = schema.leg
        query = select(leg).where(schema.LEG_ESTIMATED)
        if tenant is not None:
            query = query.where(leg.c.tenant == tenant)
        if month is not None:
            query = query.where(leg.c.month == month)
        query = query.order_by(leg.c.ended_at.desc(), leg.c.uniqueid.desc())
        return await self._reads.many(query, call_rows.leg_record)

    async def merges(self, since: datetime) -> Mapping[str, str]:
        """Calls joined to an older one since then: younger id → older id."""
        call = schema.call.c
        query = select(call.call, call.merged_into).where(
            schema.CALL_MERGED, call.ended_at >= to_us(since)
        )
        return {row.call: row.merged_into for row in await self._reads.rows(query)}

    async def usage(self, *, tenant: str | None = None, month: str | None = None) -> list[UsageRow]:
        """Usage by tenant, month and direction, ended legs only; None does not filter."""
        query = usage_query(tenant, month)
        return [call_rows.usage_row(row) for row in await self._reads.rows(query)]

    async def decisions(
        self,
        *,
        tenant: str | None = None,
        since: datetime | None = None,
        refused: bool = False,
        limit: int = 1000,
    ) -> list[DecisionRecord]:
        """Decisions, newest first; `refused` keeps those that were or would have been refused."""
        decision = schema.decision
        query = select(decision)
        if tenant is not None:
            query = query.where(decision.c.tenant == tenant)
        if since is not None:
            query = query.where(decision.c.at >= to_us(since))
        if refused:
            query = query.where(decision.c.outcome != Outcome.ADMIT.value)
        query = query.order_by(decision.c.at.desc(), decision.c.id.desc()).limit(limit)
        return await self._reads.many(query, call_rows.decision_record)

    async def audit(self, *, subject: str | None = None, limit: int = 1000) -> list[AuditRecord]:
        """The audit trail, newest first."""
        audit = schema.audit
        query = select(audit)
        if subject is not None:
            query = query.where(audit.c.subject == subject)
        query = query.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
        return await self._reads.many(query, account_rows.audit_record)

    async def marks(self) -> dict[str, PbxMark]:
        """How far each PBX is known."""
        marks = await self._reads.many(select(schema.pbx_mark), call_rows.mark_record)
        return {mark.pbx: mark for mark in marks}


def _inode(path: Path) -> int | None:
    """The number of the file at that path; None where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return None

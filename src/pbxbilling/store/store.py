"""Implements the ports `AccountStore`, `CallStore` and `Cursors` on an SQL database."""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin
from pbxbilling.accounts.records import Accounts, AuditQuery, AuditRecord, AuditRow
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import (
    ALL_LEGS,
    CallRecord,
    DecisionQuery,
    DecisionRow,
    LegPart,
    LegRecord,
    PbxMark,
    UsageRow,
)
from pbxbilling.kernel.codes import Outcome
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Consequences
from pbxbilling.kernel.records import Record
from pbxbilling.store import schema
from pbxbilling.store.clamped import clamped_plan, clamped_tenant
from pbxbilling.store.database.connections import Connections
from pbxbilling.store.database.database import Database
from pbxbilling.store.database.faults import ReopenError
from pbxbilling.store.identity import SqlIdentity
from pbxbilling.store.invoice_runs import SqlInvoiceRuns
from pbxbilling.store.prepared import PreparedRows
from pbxbilling.store.purged_usage import usage_query
from pbxbilling.store.reads import PooledReads
from pbxbilling.store.retention import SqlRetention
from pbxbilling.store.rows import accounts as account_rows
from pbxbilling.store.rows import calls as call_rows
from pbxbilling.store.rows.values import instant, to_us
from pbxbilling.store.statements import SqlStatements
from pbxbilling.store.subscriptions import SqlSubscriptions
from pbxbilling.store.transaction import (
    Nesting,
    SqlTransaction,
    draw_number,
    run_again_on_conflict,
)
from pbxbilling.store.usage_events import SqlMeterOutbox
from pbxbilling.store.writes import Writes

T = TypeVar("T")


class SqlStore:
    """A store in an SQL database. Reads use separate connections and never wait for writes.

    Its parts each implement one port: `subscription_store` (state from the payment gateway),
    `statement_store`, `meters` (usage that the gateway charges), `invoice_runs`,
    `identity_store` (who acts), and `retention_store` (old rows of all of these).
    """

    def __init__(
        self,
        database: Database,
        consequences: Consequences | None = None,
        *,
        reads_only: bool = False,
    ) -> None:
        """`consequences` supplies, before each commit, the records that follow from its facts."""
        self.consequences = consequences
        self._database = database
        reader = database.visitor if reads_only else database.reader
        self._writer = Connections(reader() if reads_only else database.writer())
        self._reads = PooledReads(database, reader())
        self.subscription_store = SqlSubscriptions(self._reads)
        self.statement_store = SqlStatements(self._reads)
        self.meters = SqlMeterOutbox(self._reads)
        self.retention_store = SqlRetention(self._reads, self._connection)
        self.invoice_runs = SqlInvoiceRuns(self._reads)
        self.identity_store = SqlIdentity(self._reads)
        self._writes = Writes(self._writer.dialect)
        self._nesting = Nesting()

    @classmethod
    async def open(cls, database: Database, *, create: bool = True) -> Self:
        """Bring the schema up to date and open the database; create it if it is missing.

        Raises `StoreError` where it is unusable, or is missing and `create` is false.
        """
        await database.prepare(create=create)
        return cls(database)

    @classmethod
    def read_only(cls, database: Database) -> Self:
        """Open a database that another process keeps up to date; what writes raises StoreError."""
        return cls(database, reads_only=True)

    def prepare(self, records: Sequence[Record]) -> Iterator[PreparedRows]:
        """Yield the rows of records, for another process to write as they are."""
        return self._writes.prepare(records)

    async def close(self) -> None:
        """Close every connection; the last one folds SQLite's log into its file.

        A later use opens new connections.
        """
        await self._reads.close()
        await self._writer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def backup(self, to: Path) -> None:
        """Copy the database while it is in use; `to` appears when the copy is complete."""
        await self._database.backup(to)

    async def commit(
        self, records: Sequence[Record], facts: Sequence[Fact] = (), number: int | None = None
    ) -> None:
        """Write all `records`, and those that follow from `facts`, in one durable transaction.

        An attempt with the `number` of one that was committed writes nothing.
        """

        async def run() -> None:
            async with self._transaction(None, number) as transaction:
                if not transaction.is_committed:
                    await transaction.write(records, facts)

        if records or (facts and self.consequences is not None):
            await run_again_on_conflict(run)

    async def transact(self, key: str | None, work: Callable[[SqlTransaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction; rerun all of it when the database reports a conflict."""

        async def run() -> T:
            async with self.transaction(key) as transaction:
                return await work(transaction)

        return await run_again_on_conflict(run)

    def transaction(self, key: str | None) -> AbstractAsyncContextManager[SqlTransaction]:
        """Open a durable, atomic transaction that excludes every other one with the same key.

        Without a key it only writes rows that their own keys decide. This store has one writing
        connection, so any two of its transactions run one after the other, whatever their keys.
        Raises StoreError, and RuntimeError inside another transaction of this store.
        """
        return self._transaction(key, None)

    @asynccontextmanager
    async def _transaction(
        self, key: str | None, number: int | None
    ) -> AsyncIterator[SqlTransaction]:
        """Open a transaction with the number of an earlier attempt, or with a new one."""
        drawn = draw_number() if number is None else number
        is_over = False
        with self._nesting.inside(key or "commit"):
            if await self._database.is_another():
                await self.close()
            try:
                begun = self._database.errors_outside_body(self._begun(key, drawn))
                async with begun as (connection, is_committed):
                    opened = SqlTransaction(
                        self._database,
                        connection,
                        self._writes,
                        self.consequences,
                        is_committed=is_committed,
                    )
                    with opened.body() as transaction:
                        yield transaction
                    is_over = True
            except ReopenError as fault:
                await self.close()  # the next use opens whichever database is there by then
                if not is_over:
                    raise
                await self._find_out(drawn, fault, will_repeat=number is not None)
            self._database.answered(drawn)

    @asynccontextmanager
    async def _begun(
        self, key: str | None, number: int
    ) -> AsyncIterator[tuple[AsyncConnection, bool]]:
        async with self._writer.begin() as connection:
            await self._database.began(connection, key)
            yield connection, await self._database.is_committed(connection, number)

    async def _find_out(self, number: int, fault: StoreError, *, will_repeat: bool) -> None:
        """Return where a commit succeeded whose answer was lost; raise its fault where not."""
        try:
            begun = self._database.errors_outside_body(self._begun(None, number))
            async with begun as (connection, is_committed):
                if not is_committed:
                    await connection.rollback()
        except StoreError:
            if will_repeat:
                raise fault from None
            msg = f"{fault}; nobody knows whether this was saved: look before you repeat it"
            raise StoreError(msg) from fault
        if not is_committed:
            raise fault

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction and yield its connection. Raises StoreError."""
        async with self.transaction("retention") as transaction, transaction.connection() as opened:
            yield opened

    async def cursor(self, name: str) -> datetime | None:
        """Return the position saved under a name; None before the first."""
        return await self._reads.cursor(name)

    async def cursors_of(self, names: Iterable[str]) -> dict[str, datetime]:
        """Return the positions saved under these names."""
        row = schema.cursor.c
        keys = ((name,) for name in names)
        return dict(
            await self._reads.keyed(
                select(row.name, row.at),
                (row.name,),
                keys,
                lambda each: (each.name, instant(each.at)),
            )
        )

    async def account_version(self) -> int:
        """Return the number of changes of the accounts so far; see `AccountTransaction`."""
        query = select(schema.account_version.c.version)
        return await self._reads.one(query, lambda row: int(row.version)) or 0

    async def accounts(self, only: Iterable[str] | None = None) -> Accounts:
        """Return all plans and all tenants, or `only` those, ordered by slug."""
        tenants_of = account_rows.all_tenants()
        if only is not None:
            tenants_of = tenants_of.where(schema.tenant.c.slug.in_(list(only)))
        version, plans, tenants = await self._reads.made(
            (select(schema.account_version.c.version), account_rows.versions),
            (account_rows.all_plans(), account_rows.plans),
            (tenants_of, account_rows.tenants),
        )
        notices: list[str] = []
        return Accounts(
            tuple(clamped_plan(plan, notices) for plan in plans),
            tuple(clamped_tenant(tenant, notices) for tenant in tenants),
            tuple(notices),
            sum(version),
        )

    async def key_origins(self, kind: AccountKind, slug: str) -> list[KeyOrigin]:
        """Return who last set each key of a plan or tenant; a key that is missing: the file."""
        origin = schema.key_origin.c
        query = select(schema.key_origin).where(origin.kind == kind.value, origin.slug == slug)
        return await self._reads.many(query.order_by(origin.key), account_rows.KEY_ORIGIN.record)

    async def keys_not_by_file(self) -> list[KeyOrigin]:
        """Return the keys of all plans and tenants that something other than the file set last."""
        query = select(schema.key_origin).where(schema.KEY_NOT_BY_FILE)
        return await self._reads.many(query, account_rows.KEY_ORIGIN.record)

    async def open_calls(self) -> list[CallRecord]:
        """Return the calls that have not ended, oldest first."""
        call = schema.call
        query = select(call).where(schema.CALL_OPEN).order_by(call.c.started_at, call.c.call)
        return await self._reads.many(query, call_rows.CALL.record)

    async def open_legs(self) -> list[LegRecord]:
        """Return the answered trunk legs that have not ended, oldest first."""
        leg = schema.leg
        query = select(leg).where(schema.LEG_OPEN).order_by(leg.c.started_at, leg.c.uniqueid)
        return await self._reads.many(query, call_rows.LEG.record)

    async def legs(self, keys: Iterable[ChannelKey]) -> dict[ChannelKey, LegRecord]:
        """Return the records of these trunk legs; unknown ones are left out."""
        leg = schema.leg
        found = await self._reads.keyed(
            select(leg), (leg.c.pbx, leg.c.uniqueid), keys, call_rows.LEG.record
        )
        return {record.key: record for record in found}

    async def unowned_legs(self, part: LegPart = ALL_LEGS) -> list[LegRecord]:
        """Return the answered and ended trunk legs without a tenant, newest first."""
        query = _newest_first(select(schema.leg).where(schema.LEG_UNOWNED), part)
        return [call_rows.LEG.record(row) for row in await self._reads.rows(query)]

    async def estimated_legs(
        self, *, tenant: str | None = None, month: str | None = None, part: LegPart = ALL_LEGS
    ) -> list[LegRecord]:
        """Return the ended legs that are `LegRecord.estimated`, newest first; None: no filter."""
        leg = schema.leg
        query = select(leg).where(schema.LEG_ESTIMATED)
        if tenant is not None:
            query = query.where(leg.c.tenant == tenant)
        if month is not None:
            query = query.where(leg.c.month == month)
        return await self._reads.many(_newest_first(query, part), call_rows.LEG.record)

    async def merges(self, since: datetime) -> Mapping[str, str]:
        """Return the calls merged into an older one since then: younger id → older id."""
        call = schema.call.c
        query = select(call.call, call.merged_into).where(
            schema.CALL_MERGED, call.ended_at >= to_us(since)
        )
        return {row.call: row.merged_into for row in await self._reads.rows(query)}

    async def usage(
        self,
        *,
        tenant: str | None = None,
        month: str | None = None,
        among: Sequence[str] | None = None,
    ) -> list[UsageRow]:
        """Return usage of ended legs by tenant, month and direction; None: no filter."""
        query = usage_query(among if tenant is None else [tenant], month)
        return [call_rows.usage_row(row) for row in await self._reads.rows(query)]

    async def decisions(self, wanted: DecisionQuery) -> list[DecisionRow]:
        """Return the decisions that are wanted, the newest first."""
        row, query = schema.decision.c, select(schema.decision)
        if wanted.tenant is not None:
            query = query.where(row.tenant == wanted.tenant)
        if wanted.since is not None:
            query = query.where(row.at >= to_us(wanted.since))
        if wanted.refused:
            query = query.where(row.outcome != Outcome.ADMIT.value)
        if wanted.before is not None:
            at, number = wanted.before
            query = query.where(tuple_(row.at, row.id) < tuple_(to_us(at), number))
        query = query.order_by(row.at.desc(), row.id.desc()).limit(wanted.limit)
        return await self._reads.many(
            query, lambda found: DecisionRow(found.id, call_rows.DECISION.record(found))
        )

    async def audit(self, *, subject: str | None = None, limit: int = 1000) -> list[AuditRecord]:
        """Return the audit trail, newest first; without a `subject`, of all subjects."""
        audit = schema.audit
        query = select(audit)
        if subject is not None:
            query = query.where(audit.c.subject == subject)
        query = query.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
        return await self._reads.many(query, account_rows.AUDIT.record)

    async def audit_trail(self, wanted: AuditQuery) -> list[AuditRow]:
        """Return the rows that are wanted, the newest first."""
        row, query = schema.audit.c, select(schema.audit)
        for column, value in (
            (row.tenant, wanted.tenant),
            (row.event, wanted.event),
            (row.actor, wanted.actor),
            (row.subject, wanted.subject),
        ):
            if value is not None:
                query = query.where(column == value)
        if wanted.since is not None:
            query = query.where(row.at >= to_us(wanted.since))
        if wanted.before_id is not None:
            query = query.where(row.id < wanted.before_id)
        query = query.order_by(row.id.desc()).limit(wanted.limit)
        return await self._reads.many(
            query, lambda found: AuditRow(found.id, account_rows.AUDIT.record(found))
        )

    async def marks(self) -> dict[str, PbxMark]:
        """Return each PBX's mark, by its name: when it was last heard, and its journal position."""
        marks = await self._reads.many(select(schema.pbx_mark), call_rows.MARK.record)
        return {mark.pbx: mark for mark in marks}


def _newest_first(query: Select[Any], part: LegPart) -> Select[Any]:
    """Return the query of a part of ended legs, the newest first."""
    leg = schema.leg.c
    key = (leg.ended_at, leg.uniqueid, leg.pbx)
    if part.before is not None:
        at, last = part.before
        query = query.where(tuple_(*key) < tuple_(to_us(at), last.uniqueid, last.pbx))
    return query.order_by(*(column.desc() for column in key)).limit(part.limit)

"""The ports `AccountStore`, `CallStore` and `Cursors` in memory, for tests of their users."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin, SetBy
from pbxbilling.accounts.records import (
    Accounts,
    AuditQuery,
    AuditRecord,
    AuditRow,
    PlanSwitched,
    TermsChanged,
)
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.records import BilledLeg, OneOffEntry, OneOffUsed, SavedStatement
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import (
    ALL_LEGS,
    CallRecord,
    DecisionQuery,
    DecisionRecord,
    DecisionRow,
    LegAssigned,
    LegPart,
    LegRecord,
    PbxMark,
    UsageRow,
)
from pbxbilling.catalog.plan import Plan
from pbxbilling.identity.people.user import CustomRole, RoleDeleted, User
from pbxbilling.identity.records import AnswersExpired, KeptAnswer
from pbxbilling.identity.tokens.token import Token
from pbxbilling.kernel.codes import LegDirection, Outcome
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Consequences
from pbxbilling.kernel.records import Cursor, Record
from pbxbilling.payments.records import InvoiceRun
from pbxbilling.store.transaction import Nesting
from tests.support.billing.memory_statements import MemoryStatements
from tests.support.identity.memory_identity import MemoryIdentity
from tests.support.payments.memory_meter import NoEvents
from tests.support.privacy.memory_retention import MemoryRetention
from tests.support.subscriptions.memory_subscriptions import MemorySubscriptions

T = TypeVar("T")


class MemoryInvoiceRuns:
    """The `InvoiceRuns` port."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], InvoiceRun] = {}

    def put(self, run: InvoiceRun) -> None:
        self.kept[run.tenant, run.month] = run

    async def run(self, tenant: str, month: str) -> InvoiceRun | None:
        return self.kept.get((tenant, month))

    async def runs(self, month: str | None = None) -> list[InvoiceRun]:
        return [run for _, run in sorted(self.kept.items()) if month in (None, run.month)]


class MemoryStore:
    """Passes the store contract; `fault`, where set, is raised by every commit and transaction."""

    def __init__(self) -> None:
        self.fault: StoreError | None = None
        self.consequences: Consequences | None = None
        self.version = 0
        self._nesting = Nesting()
        self._lock = asyncio.Lock()
        self.commits: list[list[Record]] = []
        self.calls: dict[str, CallRecord] = {}
        self.known_legs: dict[ChannelKey, LegRecord] = {}
        self.known_marks: dict[str, PbxMark] = {}
        self.plans: dict[str, Plan] = {}
        self.tenants: dict[str, Tenant] = {}
        self.origins: dict[tuple[str, str, str], KeyOrigin] = {}
        self.decided: list[DecisionRecord] = []
        self.audited: list[AuditRecord] = []
        self.cursors: dict[str, datetime] = {}
        self.subscription_store = MemorySubscriptions()
        self.invoice_runs = MemoryInvoiceRuns()
        self.identity_store = MemoryIdentity()
        self.statement_store = MemoryStatements(self.known_legs)
        self.retention_store = MemoryRetention(
            self.calls,
            self.known_legs,
            self.decided,
            self.audited,
            self.subscription_store,
            self.statement_store,
            self.identity_store,
        )

    async def commit(
        self,
        records: Sequence[Record],
        facts: Sequence[Fact] = (),
        number: int | None = None,
    ) -> None:
        if records or (facts and self.consequences is not None):
            async with self._alone("commit"):
                self.statement_store.check(records)
                self._keep(self.with_consequences(records, facts))

    def with_consequences(
        self, records: Sequence[Record], facts: Sequence[Fact]
    ) -> Sequence[Record]:
        if self.consequences is None or not facts:
            return records
        return [*records, *self.consequences.records_for(facts)]

    async def transact(self, key: str, work: Callable[[MemoryTransaction], Awaitable[T]]) -> T:
        async with self.transaction(key) as transaction:
            return await work(transaction)

    @asynccontextmanager
    async def transaction(self, key: str) -> AsyncIterator[MemoryTransaction]:
        async with self._alone(key):
            transaction = MemoryTransaction(self._copy())
            try:
                yield transaction
                transaction.check()
            finally:
                transaction.over = True
            self.version = transaction.version
            if transaction.written:
                self._keep(transaction.written)

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        with self._nesting.inside(key):
            async with self._lock:
                if self.fault is not None:
                    raise self.fault
                yield

    def _copy(self) -> MemoryStore:
        copy = MemoryStore()
        copy.consequences, copy.version = self.consequences, self.version
        for own, new in (
            (self, copy),
            (self.subscription_store, copy.subscription_store),
            (self.invoice_runs, copy.invoice_runs),
            (self.identity_store, copy.identity_store),
            (self.statement_store, copy.statement_store),
        ):
            for name, value in vars(own).items():
                if isinstance(value, dict):
                    getattr(new, name).update(value)
        return copy

    def _keep(self, records: Sequence[Record]) -> None:
        self.commits.append(list(records))
        for record in records:
            self._put(record)

    def _put(self, record: Record) -> None:  # noqa: C901 - a kind a case
        match record:
            case CallRecord():
                old = self.calls.get(record.call)
                if old is None or old.gives_way_to(record):
                    self.calls[record.call] = record
            case LegRecord() | LegAssigned():
                self._put_leg(record)
            case DecisionRecord():
                self.decided.append(record)
            case AuditRecord():
                self.audited.append(record)
            case PbxMark():
                self.known_marks[record.pbx] = record
            case Plan():
                self.plans[record.slug] = record
            case Tenant():
                self.tenants[record.slug] = record
            case KeyOrigin():
                self.origins[record.kind, record.slug, record.key] = record
            case (
                SavedStatement()
                | BilledLeg()
                | OneOffEntry()
                | OneOffUsed()
                | PlanSwitched()
                | TermsChanged()
            ):
                self.statement_store.put(record)
            case UnitsUsed():
                self.statement_store.used[record.reference] = record
            case Cursor():
                self.cursors[record.name] = record.at
            case Token() | User() | CustomRole() | RoleDeleted() | KeptAnswer() | AnswersExpired():
                self.identity_store.put(record)
            case InvoiceRun():
                self.invoice_runs.put(record)
            case _:
                self.subscription_store.put(record)

    def _put_leg(self, record: LegRecord | LegAssigned) -> None:
        old = self.known_legs.get(record.key)
        if isinstance(record, LegRecord):
            if old is None or old.gives_way_to(record):
                self.known_legs[record.key] = record
        elif old is not None and old.tenant is None:
            self.known_legs[record.key] = replace(
                old,
                tenant=record.tenant,
                billed_s=record.billed_s,
                allowance_s=record.allowance_s,
                month=record.month,
            )

    async def cursor(self, name: str) -> datetime | None:
        return self.cursors.get(name)

    async def cursors_of(self, names: Iterable[str]) -> dict[str, datetime]:
        found = [(name, await self.cursor(name)) for name in names]
        return {name: at for name, at in found if at is not None}

    async def accounts(self) -> Accounts:
        return Accounts(
            tuple(self.plans[slug] for slug in sorted(self.plans)),
            tuple(self.tenants[slug] for slug in sorted(self.tenants)),
            version=self.version,
        )

    async def key_origins(self, kind: AccountKind, slug: str) -> list[KeyOrigin]:
        found = sorted(self.origins.items())
        return [origin for key, origin in found if key[:2] == (kind, slug)]

    async def keys_not_by_file(self) -> list[KeyOrigin]:
        return [origin for origin in self.origins.values() if origin.by is not SetBy.FILE]

    async def open_calls(self) -> list[CallRecord]:
        alive = (call for call in self.calls.values() if call.ended_at is None)
        return sorted(alive, key=lambda call: (call.started_at, call.call))

    async def open_legs(self) -> list[LegRecord]:
        alive = (leg for leg in self.known_legs.values() if leg.answered_at and not leg.ended_at)
        return sorted(alive, key=lambda leg: (leg.started_at, leg.key.uniqueid))

    async def legs(self, keys: Iterable[ChannelKey]) -> dict[ChannelKey, LegRecord]:
        return {key: self.known_legs[key] for key in keys if key in self.known_legs}

    async def unowned_legs(self, part: LegPart = ALL_LEGS) -> list[LegRecord]:
        known = self.known_legs.values()
        return _newest_first((leg for leg in known if leg.tenant is None and leg.answered_at), part)

    async def estimated_legs(
        self, *, tenant: str | None = None, month: str | None = None, part: LegPart = ALL_LEGS
    ) -> list[LegRecord]:
        found = (
            leg
            for leg in self.known_legs.values()
            if leg.estimated and tenant in (None, leg.tenant) and month in (None, leg.month)
        )
        return _newest_first(found, part)

    async def merges(self, since: datetime) -> Mapping[str, str]:
        return {
            call.call: call.merged_into
            for call in self.calls.values()
            if call.merged_into and call.ended_at and call.ended_at >= since
        }

    async def usage(
        self,
        *,
        tenant: str | None = None,
        month: str | None = None,
        among: Sequence[str] | None = None,
    ) -> list[UsageRow]:
        groups: dict[tuple[str | None, str, LegDirection], list[LegRecord]] = defaultdict(list)
        for leg in (*self.known_legs.values(), *self.retention_store.gone):
            if (
                leg.answered_at
                and leg.month
                and tenant in (None, leg.tenant)
                and (among is None or leg.tenant in among)
            ):
                groups[leg.tenant, leg.month, leg.direction].append(leg)
        return [
            UsageRow(
                *group,
                calls=len(legs),
                talk_us=sum(leg.talk_us for leg in legs),
                billed_s=sum(leg.billed_s for leg in legs),
                allowance_s=sum(leg.allowance_s for leg in legs),
            )
            for group, legs in sorted(groups.items(), key=lambda item: (item[0][0] or "", item[0]))
            if month in (None, group[1])
        ]

    async def decisions(self, wanted: DecisionQuery) -> list[DecisionRow]:
        rows = [DecisionRow(number, record) for number, record in enumerate(self.decided, 1)]
        found = [
            row
            for row in reversed(rows)
            if wanted.tenant in (None, row.record.tenant)
            and (wanted.since is None or row.record.at >= wanted.since)
            and not (wanted.refused and row.record.outcome is Outcome.ADMIT)
            and (wanted.before is None or (row.record.at, row.id) < wanted.before)
        ]
        return sorted(found, key=lambda row: (row.record.at, row.id), reverse=True)[: wanted.limit]

    async def audit(self, *, subject: str | None = None, limit: int = 1000) -> list[AuditRecord]:
        found = [row for row in reversed(self.audited) if subject in (None, row.subject)]
        return sorted(found, key=lambda row: row.at, reverse=True)[:limit]

    async def audit_trail(self, wanted: AuditQuery) -> list[AuditRow]:
        rows = [AuditRow(number, record) for number, record in enumerate(self.audited, 1)]
        found = [
            row
            for row in reversed(rows)
            if wanted.tenant in (None, row.record.tenant)
            and wanted.event in (None, row.record.event)
            and wanted.actor in (None, row.record.actor)
            and wanted.subject in (None, row.record.subject)
            and (wanted.since is None or row.record.at >= wanted.since)
            and (wanted.before_id is None or row.id < wanted.before_id)
        ]
        return found[: wanted.limit]

    async def marks(self) -> dict[str, PbxMark]:
        return dict(self.known_marks)


class MemoryTransaction:
    """An open transaction on a copy of a store, which takes over the writes at the end."""

    def __init__(self, copy: MemoryStore) -> None:
        self._copy = copy
        self._fault: StoreError | None = None
        self.statement_store = copy.statement_store
        self.invoice_runs = copy.invoice_runs
        self.identity_store = copy.identity_store
        self.meters = NoEvents()
        self.version = copy.version
        self.written: list[Record] = []
        self.over = False

    async def write(self, records: Sequence[Record], facts: Sequence[Fact] = ()) -> None:
        self.check()
        records = self._copy.with_consequences(records, facts)
        try:
            await self._copy.commit(records)
        except StoreError as fault:
            self._fault = fault
            raise
        self.written += records

    async def cursor(self, name: str) -> datetime | None:
        self.check()
        return await self._copy.cursor(name)

    async def next_version(self) -> int:
        self.check()
        self.version += 1
        return self.version

    def check(self) -> None:
        if self.over:
            raise RuntimeError("this transaction is over")
        if self._fault is not None:
            raise self._fault


def _newest_first(legs: Iterable[LegRecord], part: LegPart) -> list[LegRecord]:
    def key(ended_at: datetime, leg: ChannelKey) -> tuple[datetime, str, str]:
        return ended_at, leg.uniqueid, leg.pbx

    ended = [(key(leg.ended_at, leg.key), leg) for leg in legs if leg.ended_at]
    ended.sort(key=lambda each: each[0], reverse=True)
    before = None if part.before is None else key(*part.before)
    return [leg for at, leg in ended if before is None or at < before][: part.limit]

"""The `StatementStore` port in memory, for tests of its users."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from pbxbilling.accounts.key_origin import AccountKind
from pbxbilling.accounts.records import PlanSwitched, TermsChanged
from pbxbilling.billing.figures import Charged
from pbxbilling.billing.rating.rating import LegEnd
from pbxbilling.billing.records import (
    ALL_ENDED,
    BilledLeg,
    EndedPart,
    OneOffEntry,
    OneOffUsed,
    SavedStatement,
    StatementKey,
    Talk,
)
from pbxbilling.billing.statements.statement import LineKind
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.kernel.records import Record
from pbxbilling.store.database.faults import RecordError

T = TypeVar("T")


def _some(rows: Sequence[T], end: Callable[[T], LegEnd], part: EndedPart) -> list[T]:
    return [row for row in rows if part.after is None or end(row) > part.after][: part.limit]


class MemoryStatements:
    """Passes the contract of statement stores; `legs` are those of its store."""

    def __init__(self, legs: Mapping[ChannelKey, LegRecord]) -> None:
        self._legs = legs
        self.saved: dict[tuple[str, str, int], SavedStatement] = {}
        self.copies: dict[tuple[ChannelKey, str, str], BilledLeg] = {}
        self.entries: dict[tuple[str, int], OneOffEntry] = {}
        self.switches: dict[tuple[str, datetime], PlanSwitched] = {}
        self.terms: dict[int, TermsChanged] = {}
        self.used: dict[str, UnitsUsed] = {}

    def check(self, records: Iterable[object]) -> None:
        """Reject a batch with a duplicate of a unique record, before any of it is saved."""
        for record in records:
            match record:
                case SavedStatement() if (
                    record.tenant, record.month, record.number
                ) in self.saved:  # fmt: skip
                    raise RecordError(f"statement of {record.tenant} {record.month} twice")
                case BilledLeg() if (record.key, record.month, record.of_month) in self.copies:
                    raise RecordError(f"leg {record.key} twice")
                case OneOffEntry() if (record.tenant, record.number) in self.entries:
                    raise RecordError(f"one-off {record.tenant} {record.number} twice")

    def put(self, record: Record) -> None:
        match record:
            case SavedStatement():
                self.saved[record.tenant, record.month, record.number] = record
            case BilledLeg():
                self.copies[record.key, record.month, record.of_month] = record
            case OneOffEntry():
                self.entries[record.tenant, record.number] = record
            case OneOffUsed():
                self._use(record)
            case PlanSwitched():
                self.switches[record.tenant, record.at] = record
            case TermsChanged():
                self.terms[len(self.terms)] = record

    def _use(self, record: OneOffUsed) -> None:
        entry = self.entries.get((record.tenant, record.number))
        if entry is not None and entry.used_in is None:
            used = replace(entry, used_in=record.month)
            self.entries[record.tenant, record.number] = used

    async def units(self, reference: str) -> UnitsUsed | None:
        return self.used.get(reference)

    async def units_between(
        self, tenant: str, begins: datetime, ends: datetime
    ) -> Mapping[str, int]:
        sums: Counter[str] = Counter()
        for one in self.used.values():
            if one.tenant == tenant and begins <= one.at < ends:
                sums[one.meter] += one.units
        return dict(sums)

    async def statements(
        self,
        *,
        tenant: str | None = None,
        month: str | None = None,
        documents: bool = True,
        after: StatementKey | None = None,
        limit: int | None = None,
    ) -> list[SavedStatement]:
        found = [
            one if documents else replace(one, document={})
            for key, one in sorted(self.saved.items(), key=lambda item: item[0])
            if tenant in (None, one.tenant) and month in (None, one.month)
            if after is None or key > after
        ]
        return found[:limit]

    async def billed(
        self, tenant: str, *, month: str | None = None, of_month: str | None = None
    ) -> list[BilledLeg]:
        found = [
            leg
            for leg in self.copies.values()
            if leg.tenant == tenant
            and month in (None, leg.month)
            and of_month in (None, leg.of_month)
        ]
        return sorted(found, key=lambda copy: (copy.rated.leg.ended_at, copy.key, copy.month))

    async def billed_between(
        self, tenant: str, begins: datetime, ends: datetime, part: EndedPart = ALL_ENDED
    ) -> list[BilledLeg]:
        found = [
            copy
            for copy in self.copies.values()
            if copy.tenant == tenant and begins <= copy.rated.leg.ended_at < ends
        ]
        found.sort(key=lambda copy: (copy.end, copy.month, copy.of_month))
        return _some(found, lambda copy: copy.end, part)

    async def billed_before(self, tenant: str, begins: datetime, ends: datetime) -> list[BilledLeg]:
        legs = await self.legs_between(tenant, begins, ends)
        return await self.billed_copies([leg.key for leg in legs])

    async def billed_copies(self, keys: Iterable[ChannelKey]) -> list[BilledLeg]:
        wanted = set(keys)
        found = [leg for leg in self.copies.values() if leg.key in wanted]
        return sorted(found, key=lambda leg: (leg.month, leg.of_month, leg.key))

    async def talk_between(self, tenant: str, begins: datetime, ends: datetime) -> Talk:
        legs = await self.legs_between(tenant, begins, ends)
        return Talk(len(legs), sum(leg.talk_us for leg in legs))

    async def legs_between(
        self, tenant: str, begins: datetime, ends: datetime, part: EndedPart = ALL_ENDED
    ) -> list[LegRecord]:
        found = [
            (LegEnd(leg.ended_at, str(leg.key)), leg)
            for leg in self._legs.values()
            if leg.tenant == tenant
            and leg.answered_at
            and leg.ended_at
            and begins <= leg.ended_at < ends
        ]
        found.sort(key=lambda each: each[0])
        return [leg for _, leg in _some(found, lambda each: each[0], part)]

    async def late_legs(self, tenant: str, begins: datetime, ends: datetime) -> list[LegRecord]:
        copies = {
            (leg.key, copy.tenant, leg.ended_at, leg.talk_us, leg.direction)
            for copy in self.copies.values()
            for leg in (copy.rated.leg,)
        }
        return [
            leg
            for leg in await self.legs_between(tenant, begins, ends)
            if (leg.key, tenant, leg.ended_at, leg.talk_us, leg.direction) not in copies
        ]

    async def charged_to(self, month: str, tenants: Sequence[str]) -> dict[str, list[Charged]]:
        sums = {tenant: await self.charged(month, tenant) for tenant in tenants}
        return {tenant: charged for tenant, charged in sums.items() if charged}

    async def charged(self, month: str, tenant: str | None = None) -> list[Charged]:
        sums: dict[tuple[str, LineKind], int] = defaultdict(int)
        for one in self.saved.values():
            if tenant not in (None, one.tenant):
                continue
            if one.is_final and (one.month == month or one.month.startswith(f"{month}.")):
                for line in one.document["lines"]:
                    sums[one.currency, LineKind(line["kind"])] += line["amount_minor"]
        return [Charged(*key, amount) for key, amount in sorted(sums.items())]

    async def one_offs(self, tenant: str) -> list[OneOffEntry]:
        return [one for (owner, _), one in sorted(self.entries.items()) if owner == tenant]

    async def plan_switches(self, tenant: str, since: datetime) -> list[PlanSwitched]:
        found = sorted(self.switches.items())
        return [one for (owner, at), one in found if owner == tenant and at >= since]

    async def terms_changes(self, tenant: str, since: datetime) -> list[TermsChanged]:
        return [
            one
            for one in self.terms.values()
            if one.at > since and (one.kind is AccountKind.PLAN or one.slug == tenant)
        ]

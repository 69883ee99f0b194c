"""List the ended legs of a tenant as they are rated, whatever statement they are on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.rating.rating import LegEnd, Rating, UsedLeg, rate
from pbxbilling.billing.rating.tariff import TariffVersions, included_s, may_exhaust
from pbxbilling.billing.records import FINAL, BilledLeg, EndedPart
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.billing.statements.lookup import CallOnStatement
from pbxbilling.billing.statements.material import latest
from pbxbilling.billing.statements.open_periods import OpenPeriods
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.calls.ports import CallStore
from pbxbilling.kernel.bounds import LAST_INSTANT
from pbxbilling.kernel.period import Period
from pbxbilling.runtime.background import Background

PART = 200  # legs that are read and rated at a time

_A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class RatedCall(CallOnStatement):
    """A leg as it is rated; `statement` None: on no final one yet, else that one's number."""

    statement: int | None = None
    currency: str = ""

    @property
    def end(self) -> LegEnd:
        """Its place in lists."""
        return self.billed.end


@dataclass(frozen=True, slots=True)
class Wanted:
    """Legs that ended in [begins, ends); with `after` those that follow a place.

    `begins` None: those of the current period.
    """

    begins: datetime | None = None
    ends: datetime = LAST_INSTANT
    after: LegEnd | None = None


@dataclass(frozen=True, slots=True)
class _Span:
    """Legs that ended in [begins, ends); with `after` those that follow a place."""

    begins: datetime
    ends: datetime
    after: LegEnd | None = None

    @property
    def first(self) -> datetime:
        """The instant before which none of them ended."""
        return self.begins if self.after is None else max(self.begins, self.after.at)

    def within(self, begins: datetime, ends: datetime) -> _Span | None:
        """Return the part of it that is in [begins, ends); None: there is none."""
        part = replace(self, begins=max(begins, self.begins), ends=min(ends, self.ends))
        return part if part.first < part.ends else None

    def is_begun(self, end: LegEnd) -> bool:
        """Return whether a leg with that end is in it, or follows it."""
        return self.begins <= end.at and (self.after is None or end > self.after)


class RatedCalls:
    """Reads legs in parts, and rates those that are on no final statement.

    A leg draws on the allowance after those that ended before it: what these drew is found out
    before a part is rated. Raises StoreError and NotFoundError.
    """

    def __init__(
        self,
        statements: Statements,
        store: CallStore,
        statement_store: StatementStore,
        in_background: Background,
    ) -> None:
        self._statements = statements
        self._store = store
        self._statement_store = statement_store
        self._in_background = in_background

    async def some(self, slug: str, wanted: Wanted, limit: int) -> list[RatedCall]:
        """Return the first of a tenant's legs that are wanted, by their ends."""
        found: list[RatedCall] = []
        async for part in self.parts(slug, wanted, min(limit, PART)):
            found += part
            if len(found) >= limit:
                break
        return found[:limit]

    async def parts(
        self, slug: str, wanted: Wanted, size: int = PART
    ) -> AsyncIterator[Sequence[RatedCall]]:
        """Yield a tenant's legs that are wanted, by their ends, in parts of about that size.

        Those on final statements are as charged there, the others as the previews have them. A leg
        that was charged again is as it was charged last; one whose end moved to another period is
        in both, in the old one with no seconds.
        """
        periods = await self._statements.open_periods(slug)
        begins = periods.every[-1].begins if wanted.begins is None else wanted.begins
        span = _Span(begins, wanted.ends, wanted.after)
        if (closed := span.within(span.begins, periods.first.begins)) is not None:
            async for part in self._closed(periods, closed, size):
                yield part
        for period in periods.every:
            if (own := span.within(period.begins, period.ends)) is not None:
                async for part in self._open(periods, period, own, size):
                    yield part

    async def _closed(
        self, periods: OpenPeriods, span: _Span, size: int
    ) -> AsyncIterator[Sequence[RatedCall]]:
        """Yield legs of closed periods: the last copy of each, or what the next statement says."""
        slug, store = periods.tenant.slug, self._statement_store
        currencies = {saved.month: saved.currency for saved in periods.finals}
        adjusted: Sequence[BilledLeg] | None = None
        is_last = False
        while not is_last:
            part = EndedPart(span.after, size)
            copies = await store.billed_between(slug, span.begins, span.ends, part)
            is_last = len(copies) < size
            until = span.ends if is_last else copies[-1].end.at + _A_MOMENT
            keys = {copy.key for copy in copies}
            last = list(latest(await store.billed_copies(keys)))
            records = await self._store.legs(keys)
            late = await store.late_legs(slug, span.first, until)
            if adjusted is None and (late or any(_has_changed(one, records) for one in last)):
                adjusted = await self._statements.adjusted(periods)
                records |= await self._store.legs([one.key for one in adjusted])
            upto = None if is_last else copies[-1].end
            yield [
                RatedCall(
                    one,
                    records.get(one.key),
                    FINAL if one.month in currencies else None,
                    currencies[one.of_month],
                )
                for one in _placed(last, adjusted or (), span, upto)
            ]
            if copies:
                span = replace(span, after=copies[-1].end)

    async def _open(
        self, periods: OpenPeriods, period: Period, span: _Span, size: int
    ) -> AsyncIterator[Sequence[RatedCall]]:
        """Yield legs of an open period, as its preview has them."""
        slug, month = periods.tenant.slug, period.month
        versions = self._statements.tariff_versions(periods, period)
        currency = versions[-1].tariff.currency
        drawn_s = await self._drawn_s(slug, period, span, versions)
        async for legs in self._legs(slug, span, size):
            rating = await self._rated(legs, versions, drawn_s)
            drawn_s, records = rating.used_s, {leg.key: leg for leg in legs}
            yield [
                RatedCall(BilledLeg(slug, month, month, one), records[one.leg.key], None, currency)
                for one in rating.legs
            ]

    async def _drawn_s(
        self, slug: str, period: Period, span: _Span, versions: TariffVersions
    ) -> int:
        """Return what the legs of a period before a span drew on the allowance.

        0 as well where it makes no difference.
        """
        if span.first == period.begins:
            return 0
        talk = await self._statement_store.talk_between(slug, period.begins, period.ends)
        if not may_exhaust(versions, talk.legs, talk.us):
            return 0
        drawn_s, allowance_s = 0, included_s(versions)
        before = _Span(period.begins, span.first + _A_MOMENT)
        async for legs in self._legs(slug, before, PART):
            earlier = [leg for leg in legs if not span.is_begun(UsedLeg.of(leg).end)]
            drawn_s = (await self._rated(earlier, versions, drawn_s)).used_s
            if drawn_s == allowance_s:
                break
        return drawn_s

    async def _legs(self, slug: str, span: _Span, size: int) -> AsyncIterator[Sequence[LegRecord]]:
        after = span.after
        while True:
            part = EndedPart(after, size)
            legs = await self._statement_store.legs_between(slug, span.begins, span.ends, part)
            yield legs
            if len(legs) < size:
                return
            after = UsedLeg.of(legs[-1]).end

    async def _rated(
        self, legs: Sequence[LegRecord], versions: TariffVersions, drawn_s: int
    ) -> Rating:
        work = partial(rate, map(UsedLeg.of, legs), versions, drawn_s=drawn_s)
        return await self._in_background(work)


def _has_changed(copy: BilledLeg, records: Mapping[ChannelKey, LegRecord]) -> bool:
    """Return whether the leg is another one now than when it was charged."""
    charged, record = copy.rated.leg, records.get(copy.key)
    if record is None or not charged.talk_us:
        return False
    then = (copy.tenant, charged.ended_at, charged.talk_us, charged.direction)
    return then != (record.tenant, record.ended_at, record.talk_us, record.direction)


def _placed(
    copies: Sequence[BilledLeg], adjusted: Sequence[BilledLeg], span: _Span, upto: LegEnd | None
) -> list[BilledLeg]:
    """Return the legs of a span up to a place, by their ends; `adjusted` ones replace copies."""
    anew = {(one.key, one.of_month) for one in adjusted}
    kept = [one for one in copies if (one.key, one.of_month) not in anew]
    found = [
        one
        for one in (*kept, *adjusted)
        if span.is_begun(one.end) and one.end.at < span.ends and (upto is None or one.end <= upto)
    ]
    return sorted(found, key=lambda one: one.end)

"""What a statement is made from, whole, so that making it reads nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pbxbilling.billing.records import BilledLeg, OneOffEntry, SavedStatement
from pbxbilling.billing.statements.open_periods import OpenPeriods
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.period import Period


@dataclass(frozen=True, slots=True)
class ChangedPeriod:
    """A closed period with legs that no statement has in their current form.

    `late` ended in it; `left` are copies of legs whose end turned out to be in another period.
    `copies` are all copies of its legs, earlier statements first.
    """

    final: SavedStatement
    late: Sequence[LegRecord]
    left: Sequence[BilledLeg]
    copies: Sequence[BilledLeg] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """The input of the statement of one period, as the stores have it.

    `plans` are those of now; `periods` has what was in force before. `legs` ended in the period,
    `one_offs` are all of the tenant's, `units` are sums by meter. `changed` are periods closed
    before.
    """

    periods: OpenPeriods
    period: Period
    plans: Mapping[str, Plan]
    legs: Sequence[LegRecord]
    one_offs: Sequence[OneOffEntry]
    units: Mapping[str, int]
    changed: Sequence[ChangedPeriod] = ()
    emergency_charged: bool = False

    @property
    def is_next(self) -> bool:
        """Whether this is the first period not closed: late legs and lines go on it."""
        return self.period == self.periods.first


def changed_periods(
    closed: Sequence[SavedStatement], late: Sequence[LegRecord], copies: Iterable[BilledLeg]
) -> list[ChangedPeriod]:
    """Return the closed periods with something to adjust, still without their copies.

    `late` are legs that no statement has as they are, `copies` those of late and present legs.
    """
    homes = {leg.key: _month_of(closed, leg.ended_at) for leg in late}
    left = [
        copy
        for copy in latest(copies)
        if copy.rated.leg.talk_us and homes.get(copy.key) != copy.of_month
    ]
    every = (
        ChangedPeriod(
            final,
            [leg for leg in late if homes[leg.key] == final.month],
            [copy for copy in left if copy.of_month == final.month],
        )
        for final in closed
    )
    return [one for one in every if one.late or one.left]


def _month_of(closed: Iterable[SavedStatement], ended_at: datetime | None) -> str | None:
    """Return the closed period that an instant is in; None: it is in none."""
    if ended_at is None:
        return None
    return next((one.month for one in closed if one.begins <= ended_at < one.ends), None)


def latest(copies: Iterable[BilledLeg]) -> Iterable[BilledLeg]:
    """Return the last copy of each leg and period; `copies` are in order of their statements."""
    last: dict[tuple[ChannelKey, str], BilledLeg] = {}
    for copy in copies:
        last[copy.key, copy.of_month] = copy
    return last.values()

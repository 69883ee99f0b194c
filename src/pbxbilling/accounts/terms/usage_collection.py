"""How a tenant's usage reaches its payments: one way in a period, never two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CollectionMethod(StrEnum):
    """How usage is charged at the payment gateway."""

    NONE = "none"  # it is on statements alone
    METER_EVENTS = "meter_events"  # each billable leg as it ends, on the subscription's invoice
    INVOICE_ITEMS = "invoice_items"  # with the final statement, on an invoice of its own


@dataclass(frozen=True, slots=True)
class UsageCollection:
    """`way` holds from `since` on (None: always), before that `before`."""

    way: CollectionMethod = CollectionMethod.NONE
    before: CollectionMethod = CollectionMethod.NONE
    since: datetime | None = None

    def at(self, instant: datetime) -> CollectionMethod:
        """How usage of that instant is charged."""
        begun = self.since is None or instant >= self.since
        return self.way if begun else self.before

    def switched(
        self, way: CollectionMethod, now: datetime, next_period: datetime
    ) -> UsageCollection:
        """The same with another way from the next period on; what holds now holds until then."""
        if way is self.way:
            return self
        holds = self.at(now)
        if way is holds:
            return UsageCollection(way)
        return UsageCollection(way, holds, next_period)


ON_STATEMENTS_ALONE = UsageCollection()

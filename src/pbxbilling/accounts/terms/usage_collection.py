"""How a tenant's usage is charged at the payment gateway: by one method in a period, never two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CollectionMethod(StrEnum):
    """The methods by which usage is charged at the payment gateway."""

    NONE = "none"  # usage is on statements only
    METER_EVENTS = "meter_events"  # each billable leg when it ends, on the subscription's invoice
    INVOICE_ITEMS = "invoice_items"  # with the final statement, on an invoice of its own


@dataclass(frozen=True, slots=True)
class UsageCollection:
    """The method `way` applies from `since` on (None: always); `before` applies until then."""

    way: CollectionMethod = CollectionMethod.NONE
    before: CollectionMethod = CollectionMethod.NONE
    since: datetime | None = None

    def at(self, instant: datetime) -> CollectionMethod:
        """Return how usage at that instant is charged."""
        begun = self.since is None or instant >= self.since
        return self.way if begun else self.before

    def switched(
        self, way: CollectionMethod, now: datetime, next_period: datetime
    ) -> UsageCollection:
        """Return a copy with another `way` from the next period on; until then nothing changes."""
        if way is self.way:
            return self
        holds = self.at(now)
        if way is holds:
            return UsageCollection(way)
        return UsageCollection(way, holds, next_period)


ON_STATEMENTS_ALONE = UsageCollection()

"""Check whether the gateway's meter received the same minutes as the statements charge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pbxbilling.billing.records import BilledLeg
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.metering.usage_event import UsageEventState

_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class MeteredPeriod:
    """Whole minutes of a tenant's closed period: on its statements, and in meter events.

    `sent` are those that the gateway took; `unsent` are on their way, parked, or not to be sent.
    `metered` says whether events charge the period at all; where they do not, there must be none.
    """

    tenant: str
    month: str
    metered: bool
    statement: int
    sent: int
    unsent: int

    @property
    def difference(self) -> int:
        """Return how many minutes the gateway has too few; below 0: too many."""
        return (self.statement if self.metered else 0) - self.sent


def statement_minutes(copies: Iterable[BilledLeg]) -> int:
    """Return the minutes of a period's legs as last charged: a later statement may correct a leg.

    A leg whose minutes the plan does not charge, such as most inbound ones, has 0: no event is sent
    for it (see `is_metered`).
    """
    latest: dict[ChannelKey, BilledLeg] = {}
    for copy in copies:
        known = latest.get(copy.key)
        if known is None or copy.month >= known.month:
            latest[copy.key] = copy
    rated = [copy.rated for copy in latest.values()]
    return sum(-(-(leg.included_s + leg.charged_s) // _MINUTE_S) for leg in rated)


def compared(
    tenant: str,
    month: str,
    copies: Iterable[BilledLeg],
    events: Mapping[UsageEventState, int],
    *,
    metered: bool,
) -> MeteredPeriod:
    """Return a period's comparison; `events` are the minutes of legs that ended in it, by state."""
    sent = events.get(UsageEventState.SENT, 0)
    return MeteredPeriod(
        tenant, month, metered, statement_minutes(copies), sent, sum(events.values()) - sent
    )

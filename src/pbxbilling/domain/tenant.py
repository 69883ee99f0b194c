"""Whom a call belongs to, and whether that tenant may call at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from pbxbilling.domain.admission import Direction, Mode, Reason


class Status(StrEnum):
    """The one list of subscription statuses; a gateway's own spellings never get here."""

    TRIAL = "trial"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    GRACE_PERIOD = "grace_period"
    READ_ONLY = "read_only"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    INCOMPLETE = "incomplete"


class Blocker(StrEnum):
    """Who holds a tenant blocked. Blocks add up; lifting one lifts only that one."""

    OPERATOR = "operator"
    SUBSCRIPTION = "subscription"
    TRIAL = "trial"


_OUTSIDE = frozenset({Direction.OUTBOUND, Direction.INBOUND})
_OUTBOUND = frozenset({Direction.OUTBOUND})

# Which directions a status closes, and how the refusal is called.
_CLOSED: Mapping[Status, tuple[frozenset[Direction], Reason]] = {
    Status.SUSPENDED: (_OUTSIDE, Reason.SUSPENDED),
    Status.READ_ONLY: (_OUTBOUND, Reason.READ_ONLY),
    Status.CANCELLED: (_OUTBOUND, Reason.CANCELLED),
    Status.INCOMPLETE: (_OUTBOUND, Reason.INCOMPLETE),
}


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer of the PBX, by a slug that never changes."""

    slug: str
    plan: str
    name: str = ""
    email: str = ""
    status: Status = Status.ACTIVE
    blocks: frozenset[Blocker] = frozenset()
    trial_until: datetime | None = None
    mode: Mode | None = None  # overrides the daemon's
    limits: Mapping[str, int | None] = field(default_factory=dict)  # override the plan's
    accountcodes: tuple[str, ...] = ()
    dids: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    timezone: str = "UTC"
    demo: bool = False
    extensions: int = 0
    subscription: str | None = None
    renews_at: datetime | None = None

    def closed_for(self, direction: Direction, at: datetime, grace_days: int) -> Reason | None:
        """Why no call of that direction may begin at `at`; None when it may.

        A trial that ran out without a payment keeps the grace window, and ends like read-only.
        """
        if Blocker.OPERATOR in self.blocks and direction in _OUTSIDE:
            return Reason.SUSPENDED
        closed = _CLOSED.get(self.status)
        if closed is not None and direction in closed[0]:
            return closed[1]
        if (
            self.status is Status.TRIAL
            and self.trial_until is not None
            and direction is Direction.OUTBOUND
            and not self.demo
            and at >= self.trial_until + timedelta(days=grace_days)
        ):
            return Reason.TRIAL_OVER
        return None

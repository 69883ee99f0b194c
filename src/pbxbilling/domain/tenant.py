"""Whom a call belongs to, and whether that tenant may call at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pbxbilling.domain.admission import Direction, Mode, Reason
from pbxbilling.domain.period import Period, period_at
from pbxbilling.domain.standing import Blocker, Status

_OUTSIDE = frozenset({Direction.OUTBOUND, Direction.INBOUND})
_OUTBOUND = frozenset({Direction.OUTBOUND})

# Which directions a status closes, and how the refusal is called.
_CLOSED: Mapping[Status, tuple[frozenset[Direction], Reason]] = {
    Status.READ_ONLY: (_OUTBOUND, Reason.READ_ONLY),
    Status.CANCELLED: (_OUTBOUND, Reason.CANCELLED),
    Status.INCOMPLETE: (_OUTBOUND, Reason.INCOMPLETE),
}


_GRANTED_FOR_A_WHILE = frozenset({Status.PAST_DUE, Status.GRACE_PERIOD})


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer of the PBX, by a slug that never changes.

    `status` is the one that is lived (never `suspended`: that is a block in front of it), since
    `status_since`. `blocks` are those that somebody set; what follows from status and time is
    worked out when it is asked for. `customer` and `subscription` are the gateway's ids.
    """

    slug: str
    plan: str
    name: str = ""
    email: str = ""
    address: str = ""
    contacts: tuple[str, ...] = ()
    vat_id: str = ""
    tax_exempt: bool = False
    status: Status = Status.ACTIVE
    status_since: datetime | None = None
    blocks: frozenset[Blocker] = frozenset()
    trial_until: datetime | None = None
    mode: Mode | None = None  # overrides the daemon's
    limits: Mapping[str, int | None] = field(default_factory=dict)  # override the plan's
    accountcodes: tuple[str, ...] = ()
    dids: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    timezone: str = "UTC"
    anchor_day: int = 1  # of the billing period; the last day of a shorter month
    demo: bool = False  # limits apply; never billed, and no payment or trial blocks it
    extensions: int = 0
    customer: str | None = None
    subscription: str | None = None
    renews_at: datetime | None = None
    setup_paid_at: datetime | None = None  # the setup fee is charged once

    def period_at(self, at: datetime) -> Period:
        """The billing period that an instant is in: in its own zone, from its anchor day on."""
        return period_at(at, self.timezone, self.anchor_day)

    @property
    def on_own_trial(self) -> bool:
        """Whether the trial ends by our clock: a subscription's is ended by the gateway."""
        return self.subscription is None and self.trial_until is not None

    @property
    def standing(self) -> Status:
        """The status as shown: an operator's block stands in front of the one that is lived."""
        return Status.SUSPENDED if Blocker.OPERATOR in self.blocks else self.status

    def status_at(self, at: datetime, grace_days: int) -> Status:
        """The lived status by the clock: a trial ends and a grace window closes on the instant.

        Whether the daily check has booked it yet makes no difference to a call.
        """
        grace = timedelta(days=grace_days)
        if self.status is Status.TRIAL:
            if not self.on_own_trial or self.trial_until is None or at < self.trial_until:
                return Status.TRIAL
            return Status.GRACE_PERIOD if at < self.trial_until + grace else Status.READ_ONLY
        if self.status in _GRANTED_FOR_A_WHILE:
            after_trial = self.status is Status.GRACE_PERIOD and self.on_own_trial
            since = self.trial_until if after_trial else self.status_since
            if since is not None and at >= since + grace:
                return Status.READ_ONLY
        return self.status

    def closed_for(self, direction: Direction, at: datetime, grace_days: int) -> Reason | None:
        """Why no call of that direction may begin at `at`; None when it may."""
        if Blocker.OPERATOR in self.blocks and direction in _OUTSIDE:
            return Reason.SUSPENDED
        if self.demo:
            return None
        closed = _CLOSED.get(self.status_at(at, grace_days))
        if closed is None or direction not in closed[0]:
            return None
        return Reason.TRIAL_OVER if self._ended_its_trial(closed[1]) else closed[1]

    def blocks_at(self, at: datetime, grace_days: int) -> frozenset[Blocker]:
        """Everybody who holds the tenant blocked at `at`, used-up allowances apart."""
        closed = _CLOSED.get(self.status_at(at, grace_days))
        if closed is None or self.demo:
            return self.blocks
        by = Blocker.TRIAL if self._ended_its_trial(closed[1]) else Blocker.SUBSCRIPTION
        return self.blocks | {by}

    def _ended_its_trial(self, reason: Reason) -> bool:
        return reason is Reason.READ_ONLY and self.on_own_trial

"""Whom a call belongs to, and whether that tenant may call at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.usage_collection import ON_STATEMENTS_ALONE, UsageCollection
from pbxbilling.kernel.codes import Direction, Mode, Reason
from pbxbilling.kernel.period import Period, period_at
from pbxbilling.kernel.records import Record

UNOWNED = "_unowned"  # in a tenant's place, in labels and topics; no slug begins with _

_OUTSIDE = frozenset({Direction.OUTBOUND, Direction.INBOUND})
_OUTBOUND = frozenset({Direction.OUTBOUND})

# Which directions a status closes, and how the refusal is called.
_CLOSED: Mapping[Status, tuple[frozenset[Direction], Reason]] = {
    Status.READ_ONLY: (_OUTBOUND, Reason.READ_ONLY),
    Status.CANCELLED: (_OUTBOUND, Reason.CANCELLED),
    Status.INCOMPLETE: (_OUTBOUND, Reason.INCOMPLETE),
}


_GRANTED_FOR_A_WHILE = frozenset({Status.PAST_DUE, Status.GRACE_PERIOD})
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tenant(Record):
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
    usage_collection: UsageCollection = ON_STATEMENTS_ALONE  # of usage, at the gateway

    def period_at(self, at: datetime) -> Period:
        """The billing period that an instant is in: in its own zone, from its anchor day on."""
        return period_at(at, self.timezone, self.anchor_day)

    def next_period(self, at: datetime) -> datetime:
        """When the period after that of `at` begins: a subscription's where it lives by one."""
        if self.subscription is not None and self.renews_at is not None and self.renews_at > at:
            return self.renews_at
        return self.period_at(at).ends

    @property
    def on_own_trial(self) -> bool:
        """Whether the trial ends by our clock: a subscription's is ended by the gateway."""
        return self.subscription is None and self.trial_until is not None

    def granted_until(self, grace_days: int) -> datetime | None:
        """When the grace window closes that follows a trial of its own or a missed payment.

        One that reaches beyond the calendar never closes.
        """
        if self.status is Status.TRIAL and self.on_own_trial and self.trial_until is not None:
            return _days_after(self.trial_until, grace_days)
        if self.status in _GRANTED_FOR_A_WHILE and self.status_since is not None:
            return _days_after(self.status_since, grace_days)
        return None

    def status_at(self, at: datetime, grace_days: int) -> Status:
        """The lived status by the clock: a trial ends and a grace window closes on the instant.

        Whether the daily check has booked it yet makes no difference to a call. A demo's clock
        stands still.
        """
        until = self.granted_until(grace_days)
        if self.demo or until is None:
            return self.status
        if at >= until:
            return Status.READ_ONLY
        if self.status is Status.TRIAL and self.trial_until is not None and at >= self.trial_until:
            return Status.GRACE_PERIOD
        return self.status

    def status_shown_at(self, at: datetime, grace_days: int) -> Status:
        """`status_at` as shown: an operator's block stands in front of it."""
        blocked = Blocker.OPERATOR in self.blocks
        return Status.SUSPENDED if blocked else self.status_at(at, grace_days)

    def closed_for(self, direction: Direction, at: datetime, grace_days: int) -> Reason | None:
        """Why no call of that direction may begin at `at`; None when it may.

        What needs no clock comes first: an operator's block holds where a time cannot be judged.
        """
        if self.blocks and Blocker.OPERATOR in self.blocks and direction in _OUTSIDE:
            return Reason.SUSPENDED
        if self.demo or self.status is Status.ACTIVE:  # an active tenant's status has no end
            return None
        closed = _CLOSED.get(self.status_at(at, grace_days))
        if closed is None or direction not in closed[0]:
            return None
        return Reason.TRIAL_OVER if self._ended_its_trial(closed[1]) else closed[1]

    def closed_by(self, at: datetime, grace_days: int) -> Blocker | None:
        """Whose word it is that the status at `at` closes a direction; None where it closes none.

        Only a tenant that is linked to a subscription can be blocked by one: a status that is
        neither a subscription's nor the end of a trial is an operator's word.
        """
        closed = _CLOSED.get(self.status_at(at, grace_days))
        if closed is None or self.demo:
            return None
        if self._ended_its_trial(closed[1]):
            return Blocker.TRIAL
        return Blocker.OPERATOR if self.subscription is None else Blocker.SUBSCRIPTION

    def _ended_its_trial(self, reason: Reason) -> bool:
        return reason is Reason.READ_ONLY and self.on_own_trial


def _days_after(at: datetime, days: int) -> datetime:
    try:
        return at + timedelta(days=days)
    except OverflowError:
        return _NEVER

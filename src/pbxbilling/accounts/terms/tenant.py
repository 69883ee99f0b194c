"""A tenant: its settings, its status by the clock, and whether it may call at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.usage_collection import ON_STATEMENTS_ALONE, UsageCollection
from pbxbilling.kernel.codes import Direction, Mode, Reason
from pbxbilling.kernel.period import Period, period_at, period_of
from pbxbilling.kernel.records import Record

UNOWNED = "_unowned"  # stands for no tenant in labels and topics; no slug begins with _

_OUTSIDE = frozenset({Direction.OUTBOUND, Direction.INBOUND})
_OUTBOUND = frozenset({Direction.OUTBOUND})

# The directions that a status closes, and the reason of the refusal.
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

    `status` is the lived status (never `suspended`, which an operator's block shows), in force
    since `status_since`. `blocks` are those that were set; blocks that follow from status and time
    are computed on demand. `customer` and `subscription` are the gateway's ids.
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
    usage_collection: UsageCollection = ON_STATEMENTS_ALONE  # how the gateway charges usage
    added_at: datetime | None = None  # its first period is the one of this instant

    def period_at(self, at: datetime) -> Period:
        """Return the billing period of an instant, by the tenant's time zone and anchor day."""
        return period_at(at, self.timezone, self.anchor_day)

    def period_of(self, month: str) -> Period:
        """Return the period that begins in a month, by the calendar alone."""
        return period_of(month, self.timezone, self.anchor_day)

    def next_period(self, at: datetime) -> datetime:
        """Return when the period after that of `at` begins: the subscription's where it has one."""
        if self.subscription is not None and self.renews_at is not None and self.renews_at > at:
            return self.renews_at
        return self.period_at(at).ends

    @property
    def on_own_trial(self) -> bool:
        """Return whether our clock ends the trial; the gateway ends that of a subscription."""
        return self.subscription is None and self.trial_until is not None

    def granted_until(self, grace_days: int) -> datetime | None:
        """Return when the grace window after its own trial or a missed payment ends; None: none.

        A window beyond the calendar's last day never ends.
        """
        if self.status is Status.TRIAL and self.on_own_trial and self.trial_until is not None:
            return _days_after(self.trial_until, grace_days)
        if self.status in _GRANTED_FOR_A_WHILE and self.status_since is not None:
            return _days_after(self.status_since, grace_days)
        return None

    def status_at(self, at: datetime, grace_days: int) -> Status:
        """Return the lived status by the clock, on the instant of a trial's or grace window's end.

        Calls do not depend on whether the daily check has saved it yet. A demo tenant's status
        never changes by the clock.
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
        """Return `status_at`, or `suspended` where an operator's block hides it."""
        blocked = Blocker.OPERATOR in self.blocks
        return Status.SUSPENDED if blocked else self.status_at(at, grace_days)

    def closed_for(self, direction: Direction, at: datetime, grace_days: int) -> Reason | None:
        """Return why no call of that direction may begin at `at`; None when it may.

        The check that needs no clock comes first: an operator's block applies even where a time
        cannot be judged.
        """
        if self.blocks and Blocker.OPERATOR in self.blocks and direction in _OUTSIDE:
            return Reason.SUSPENDED
        if self.demo or self.status is Status.ACTIVE:  # an active status has no end
            return None
        closed = _CLOSED.get(self.status_at(at, grace_days))
        if closed is None or direction not in closed[0]:
            return None
        return Reason.TRIAL_OVER if self._ended_its_trial(closed[1]) else closed[1]

    def closed_by(self, at: datetime, grace_days: int) -> Blocker | None:
        """Return the blocker behind the status at `at`; None where that closes no direction.

        Only a tenant that is linked to a subscription can be blocked by one: a status that comes
        neither from a subscription nor from the end of a trial was set by an operator.
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

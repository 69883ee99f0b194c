"""Mirrors of what a payment gateway knows of a tenant, and the tenant status they lead to.

The status is derived from all of a tenant's mirrored subscriptions, so events that arrive twice,
late or out of order lead to the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pbxbilling.accounts.terms.status import Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.records import Record

_SOON = timedelta(hours=1)  # after a cycle's begin: what we learn by then began with it


@dataclass(frozen=True, slots=True)
class Subscription(Record):
    """A gateway's subscription as last seen, keyed by `id`.

    `as_of` is the time by the gateway's clock at which this was true; `status_since` is the first
    `as_of` with this status. `tenant` is the linked tenant, None: not linked. `prices` are the ids
    of its items' prices; `live` is false in test mode. The period is that of the item which is due
    next; `anchored_at` is the instant whose day all cycles begin on, in shorter months on the last
    one. `ends_at` is when it ends, or ended; None: it goes on.
    """

    id: str
    customer: str
    status: Status
    prices: tuple[str, ...]
    created_at: datetime
    as_of: datetime
    live: bool
    tenant: str | None = None
    status_since: datetime | None = None
    trial_until: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    cancel_at_period_end: bool = False
    with_setup: bool = False  # the setup fee is on its first invoice
    anchored_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def renews_at(self) -> datetime | None:
        """When its next cycle begins; None: there is none, as it is over or ends by then."""
        ends_first = self.ends_at is not None and (
            self.period_end is None or self.ends_at <= self.period_end
        )
        if self.is_over or ends_first or (self.cancel_at_period_end and self.ends_at is None):
            return None
        return self.period_end

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good: only a new one can replace it."""
        return self.status is Status.CANCELLED

    def sells_since(self, led_by: str | None, now: datetime) -> datetime:
        """Return since when its prices hold for a tenant that `led_by` led before we knew.

        A new subscription sells its plan from its first cycle on, however late we learn of it.
        Another price of the same one holds from its cycle on if we learn of it soon after.
        """
        cycle = self.period_start or self.created_at
        if led_by != self.id:
            return cycle if abs(cycle - self.created_at) <= _SOON else self.created_at
        return cycle if timedelta(0) <= now - cycle <= _SOON else now

    def followed_by(self, later: Subscription) -> Subscription:
        """Merge a later snapshot into this one and return the result.

        An older snapshot is dropped, and a cancelled subscription stays cancelled. A link to a
        tenant stays too: an operator may have made it.
        """
        if later.as_of < self.as_of or (self.is_over and not later.is_over):
            return self
        same = later.status is self.status
        return replace(
            later,
            tenant=self.tenant or later.tenant,
            status_since=self.status_since if same else later.as_of,
        )

    def yields_to(self, unconfirmed: Subscription) -> bool:
        """Return whether an event's own snapshot may hold until the gateway is reachable.

        The gateway's clock has whole seconds, so the order of two snapshots of one second is
        unknown: the more permissive counts, so that doubt blocks no calls.
        """
        if unconfirmed.as_of != self.as_of:
            return unconfirmed.as_of > self.as_of
        return unconfirmed.is_over or permissiveness(unconfirmed) < permissiveness(self)


@dataclass(frozen=True, slots=True)
class Customer(Record):
    """A gateway's customer, keyed by `id`."""

    id: str
    tenant: str | None
    email: str
    live: bool
    deleted: bool = False


AWAITS_PAYMENT = "open"  # the gateway's status of an invoice that was sent and not paid


@dataclass(frozen=True, slots=True)
class Invoice(Record):
    """A gateway's invoice for display, keyed by `id`; `total` is in minor units of `currency`.

    `status` is the gateway's own word; a tenant's status never depends on it.
    """

    id: str
    customer: str
    subscription: str | None
    tenant: str | None
    number: str
    status: str
    total: int
    currency: str
    created_at: datetime
    as_of: datetime
    live: bool
    paid_at: datetime | None = None
    page_url: str = ""

    @property
    def awaits_payment(self) -> bool:
        """Return whether it is owed: sent, and neither paid nor given up."""
        return self.status == AWAITS_PAYMENT and self.paid_at is None

    def gives_way_to(self, later: Invoice) -> bool:
        """Return whether `later` replaces this row."""
        return later.as_of >= self.as_of


# The most permissive first: the best subscription of a tenant decides its status.
_BEST_FIRST = (
    Status.ACTIVE,
    Status.TRIAL,
    Status.PAST_DUE,
    Status.READ_ONLY,
    Status.INCOMPLETE,
    Status.CANCELLED,
)


def permissiveness(subscription: Subscription) -> int:
    """Return the rank of a subscription's status; 0 grants most."""
    return _BEST_FIRST.index(subscription.status)


TRANSITION_TO: Mapping[Status, Transition] = {
    Status.ACTIVE: Transition.PAID,
    Status.TRIAL: Transition.TRIAL_BEGAN,
    Status.PAST_DUE: Transition.PAYMENT_FAILED,
    Status.READ_ONLY: Transition.COLLECTION_STOPPED,
    Status.INCOMPLETE: Transition.AWAITS_PAYMENT,
    Status.CANCELLED: Transition.CANCELLED,
}


def leading(subscriptions: Iterable[Subscription]) -> Subscription | None:
    """Return the leading subscription of a tenant: the most permissive, of equals the newest."""
    return min(
        subscriptions,
        key=lambda one: (permissiveness(one), -one.created_at.timestamp(), one.id),
        default=None,
    )


_TRYING = (Status.TRIAL, Status.GRACE_PERIOD)


def follow(
    tenant: Tenant,
    subscriptions: Iterable[Subscription],
    plan: str | None,
    at: datetime,
    grace_days: int,
) -> Tenant:
    """Return the tenant after following its subscriptions; the leading price sells `plan`.

    A demo tenant follows none. A tenant that was never linked keeps its own trial, and the grace
    window after it, while the first payment is awaited: an abandoned checkout takes nothing away.
    A grace window that was booked as over stays over while the payment is due. A cancelled
    subscription does not restore its customer: a new one may have replaced it.
    """
    lead = leading(subscriptions)
    if lead is None or tenant.demo:
        return tenant
    trying = tenant.subscription is None and tenant.status_at(at, grace_days) in _TRYING
    if lead.status is Status.INCOMPLETE and trying:
        return tenant
    began = lead.status in (Status.ACTIVE, Status.TRIAL)
    after = replace(
        tenant,
        plan=plan or tenant.plan,
        status=lead.status,
        status_since=lead.status_since or lead.as_of,
        trial_until=lead.trial_until if lead.status is Status.TRIAL else tenant.trial_until,
        customer=(lead.is_over and tenant.customer) or lead.customer,
        subscription=lead.id,
        renews_at=lead.renews_at,
        setup_paid_at=tenant.setup_paid_at or (lead.as_of if lead.with_setup and began else None),
    )
    if tenant.status is after.status_at(at, grace_days) is Status.READ_ONLY:
        return replace(after, status=tenant.status, status_since=tenant.status_since)
    return after


@dataclass(frozen=True, slots=True)
class BillingCycle(Record):
    """A cycle of a subscription that a paid invoice opened; the first copy stays.

    Keyed by `invoice`: it is paid once, however many events report that.
    """

    invoice: str
    tenant: str
    subscription: str
    begins: datetime
    ends: datetime

    def is_same(self, other: BillingCycle) -> bool:
        """Return whether both are one cycle: of one invoice, or two invoices of one renewal."""
        mine, theirs = (self.subscription, self.begins), (other.subscription, other.begins)
        return self.invoice == other.invoice or mine == theirs

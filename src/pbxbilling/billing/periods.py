"""Compute a tenant's billing periods, which follow one another without gap or overlap.

A period begins where the previous one ended. It ends where the tenant's calendar month ends
(`Tenant.period_at`) or, while a subscription leads, where a month of its cycle ends. So each leg
falls into exactly one period, even if the tenant's way of billing changes in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.period import Period, anchor_date, zone
from pbxbilling.subscriptions.subscription import BillingCycle, Subscription

_A_WHILE = timedelta(hours=1)  # tolerance between a first cycle's begin and its record


class _Cycle(NamedTuple):
    """A cycle's begin, its end if that is known, and the anchor of its subscription if known."""

    begins: datetime
    ends: datetime | None
    anchor: datetime | None

    @property
    def day(self) -> int:
        """The day of the month on which its months begin.

        Neither end of a cycle may have it: one that begins yearly on 29 February does so on the
        28th. An anchor that does not fit the begin was set later, and is none of this cycle's.
        """
        if self.anchor is not None and _on_day(self.begins, self.anchor.day) == self.begins:
            return self.anchor.day
        return max(self.begins.day, self.ends.day) if self.ends is not None else self.begins.day


def first_begin(tenant: Tenant, subscription: Subscription | None, at: datetime) -> datetime:
    """Return where the period at `at` begins for a tenant that was never billed before."""
    current = _current(subscription)
    if subscription is None or current is None:
        return tenant.period_at(at).begins
    if at < begin_of(subscription):
        return tenant.period_at(at).begins
    return max(edge for edge in _edges(current, at) if edge <= at)


def period_from(
    begins: datetime,
    tenant: Tenant,
    subscription: Subscription | None,
    cycles: Sequence[BillingCycle] = (),
    taken: Collection[str] = (),
    bought: Iterable[datetime] = (),
) -> Period:
    """Return the period that begins at `begins`, where `subscription` leads the tenant.

    It ends with the tenant's calendar month; with a subscription, where the next month of its
    cycle begins (so a yearly one has monthly allowances too). It ends earlier where a cycle that an
    invoice opened begins, or a subscription: `bought` are these instants. `taken` are the names of
    closed periods: a second period of a month is `2026-11.2`.
    """
    current = _current(subscription)
    if subscription is None or current is None:
        edges: list[datetime | None] = [tenant.period_at(begins).ends]
    else:
        cycle = _cycle_at(begins, cycles, subscription) or current
        edges = [*_edges(cycle, begins), cycle.ends]
    edges += [*(one.begins for one in cycles), *bought]
    ends = min(edge for edge in edges if edge is not None and edge > begins)
    return Period(_name(begins, tenant, taken), begins, ends)


def begin_of(subscription: Subscription, cycles: Iterable[BillingCycle] = ()) -> datetime:
    """Return where the first cycle of a subscription begins; `cycles` are those of invoices."""
    opened = [one.begins for one in cycles if one.subscription == subscription.id]
    created, present = subscription.created_at, subscription.period_start
    if present is not None and abs(present - created) <= _A_WHILE:
        created = present
    return min([created, *opened])


def whole_of(period: Period, tenant: Tenant, subscription: Subscription | None) -> Period:
    """Return the whole period that this one is all or a part of; prices are for whole periods."""
    current = _current(subscription)
    if current is not None:
        edges = set(_edges(current, period.begins))
        if {period.begins, period.ends} <= edges:
            return period
    calendar = tenant.period_at(period.begins)
    if period.ends <= calendar.ends:
        return replace(calendar, month=period.month)
    return period


def _name(begins: datetime, tenant: Tenant, taken: Collection[str]) -> str:
    calendar = tenant.period_at(begins)
    local = begins.astimezone(zone(tenant.timezone))
    month = calendar.month if calendar.begins == begins else f"{local:%Y-%m}"
    number = 2
    name = month
    while name in taken:
        name, number = f"{month}.{number}", number + 1
    return name


def _current(subscription: Subscription | None) -> _Cycle | None:
    """Return the cycle that a subscription is in; None: it has none."""
    if subscription is None or subscription.period_start is None:
        return None
    return _Cycle(subscription.period_start, subscription.period_end, subscription.anchored_at)


def _cycle_at(
    at: datetime, cycles: Iterable[BillingCycle], subscription: Subscription
) -> _Cycle | None:
    """Return the cycle, of those that invoices opened, that an instant falls into."""
    found = [cycle for cycle in cycles if cycle.begins <= at < cycle.ends]
    if not found:
        return None
    own = found[-1].subscription == subscription.id
    return _Cycle(found[-1].begins, found[-1].ends, subscription.anchored_at if own else None)


def _edges(cycle: _Cycle, around: datetime) -> Iterator[datetime]:
    """Yield where months of a cycle begin, from the month before an instant to the second after.

    As gateways define it: on the anchor's day, or the last day of a shorter month, at a fixed time
    of day in UTC: https://docs.stripe.com/billing/subscriptions/billing-cycle
    """
    begins, around = cycle.begins, around.astimezone(UTC)
    for step in range(-1, 3):
        day = anchor_date(around.year * 12 + around.month - 1 + step, cycle.day)
        yield begins.replace(year=day.year, month=day.month, day=day.day)


def _on_day(at: datetime, day: int) -> datetime:
    """Return the instant moved to a day of its month, or to the month's last day."""
    there = anchor_date(at.year * 12 + at.month - 1, day)
    return at.replace(year=there.year, month=there.month, day=there.day)


def cursor_of(tenant: str) -> str:
    """Return the name of the cursor that says until when a tenant is billed."""
    return f"billed until: {tenant}"

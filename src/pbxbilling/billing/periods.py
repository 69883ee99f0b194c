"""Compute a tenant's billing periods, which follow one another without gap or overlap.

A period begins where the previous one ended. It ends where the tenant's calendar month ends
(`Tenant.period_at`) or, while a subscription leads, where a month of its cycle ends. So each leg
falls into exactly one period, even if the tenant's way of billing changes in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.period import Period, anchor_date, zone
from pbxbilling.subscriptions.subscription import BillingCycle, Subscription

_A_WHILE = timedelta(hours=1)  # tolerance between a first cycle's begin and its record

Anchor = tuple[datetime, datetime | None]  # a cycle's begin and, if known, its end


def first_begin(tenant: Tenant, subscription: Subscription | None, at: datetime) -> datetime:
    """Return where the period at `at` begins for a tenant that was never billed before."""
    if subscription is None or subscription.period_start is None:
        return tenant.period_at(at).begins
    if at < begin_of(subscription):
        return tenant.period_at(at).begins
    anchor = (subscription.period_start, subscription.period_end)
    return max(edge for edge in _edges(anchor, at) if edge <= at)


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
    natural = tenant.period_at(begins).ends
    if subscription is None or subscription.period_start is None:
        edges: list[datetime | None] = [natural]
    else:
        anchor = _cycle_at(begins, cycles) or (subscription.period_start, subscription.period_end)
        edges = [*_edges(anchor, begins), anchor[1]]
    edges += [*(cycle.begins for cycle in cycles), *bought]
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
    if subscription is not None and subscription.period_start is not None:
        edges = set(_edges((subscription.period_start, subscription.period_end), period.begins))
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


def _cycle_at(at: datetime, cycles: Iterable[BillingCycle]) -> Anchor | None:
    """Return the cycle, of those that invoices opened, that an instant falls into."""
    found = [cycle for cycle in cycles if cycle.begins <= at < cycle.ends]
    return (found[-1].begins, found[-1].ends) if found else None


def _edges(anchor: Anchor, around: datetime) -> Iterator[datetime]:
    """Yield where months of a cycle begin, from the month before an instant to the second after.

    As gateways define it: on the anchor's day, or the last day of a shorter month, at a fixed time
    of day in UTC: https://docs.stripe.com/billing/subscriptions/billing-cycle
    """
    begins, ends = anchor
    anchor_day = max(begins.day, ends.day) if ends is not None else begins.day
    around = around.astimezone(UTC)
    for step in range(-1, 3):
        day = anchor_date(around.year * 12 + around.month - 1 + step, anchor_day)
        yield begins.replace(year=day.year, month=day.month, day=day.day)

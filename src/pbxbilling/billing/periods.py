"""How a tenant's billing periods follow one another, without gap or overlap.

A period begins where the one before it ended, and ends where the tenant's way of billing says: at
the edge of its calendar (`Tenant.period_at`), or, while it lives by a subscription, where a month
of that one is over. So each leg is in one period, whatever was changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.period import Period, anchor_date, zone
from pbxbilling.subscriptions.subscription import BillingCycle, Subscription

Anchor = tuple[datetime, datetime | None]  # a cycle: when it begins and, if known, ends


def first_begin(tenant: Tenant, subscription: Subscription | None, at: datetime) -> datetime:
    """Where the period begins that a tenant is in at `at`, when nothing of it was ever billed."""
    if subscription is None or subscription.period_start is None:
        return tenant.period_at(at).begins
    anchor = (subscription.period_start, subscription.period_end)
    return max(edge for edge in _edges(anchor, at) if edge <= at)


def period_from(
    begins: datetime,
    tenant: Tenant,
    subscription: Subscription | None,
    cycles: Iterable[BillingCycle] = (),
    taken: Collection[str] = (),
) -> Period:
    """The period that begins at `begins`.

    It ends at the calendar's next edge; with a subscription where the next month of its cycle
    begins (so a yearly one has monthly allowances too), or where a later cycle began that an
    invoice told of. `taken` are the names of periods that are closed: a second one of a month is
    `2026-11.2`.
    """
    if subscription is None or subscription.period_start is None:
        ends = tenant.period_at(begins).ends
    else:
        told = list(cycles)
        anchor = _cycle_at(begins, told) or (subscription.period_start, subscription.period_end)
        edges = [*_edges(anchor, begins), *(cycle.begins for cycle in told), anchor[1]]
        ends = min(edge for edge in edges if edge is not None and edge > begins)
    return Period(_name(begins, tenant, taken), begins, ends)


def whole_of(period: Period, tenant: Tenant, subscription: Subscription | None) -> Period:
    """The whole period that this one is a part of, or is: a price is for that one."""
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
    """The cycle that was told of and in which an instant is."""
    found = [cycle for cycle in cycles if cycle.begins <= at < cycle.ends]
    return (found[-1].begins, found[-1].ends) if found else None


def _edges(anchor: Anchor, around: datetime) -> Iterator[datetime]:
    """Where months of a cycle begin, from the month before an instant to the second after it.

    As a gateway has it: the anchor's day, the last one of a shorter month, at one time of day UTC:
    https://docs.stripe.com/billing/subscriptions/billing-cycle
    """
    begins, ends = anchor
    anchor_day = max(begins.day, ends.day) if ends is not None else begins.day
    around = around.astimezone(UTC)
    for step in range(-1, 3):
        day = anchor_date(around.year * 12 + around.month - 1 + step, anchor_day)
        yield begins.replace(year=day.year, month=day.month, day=day.day)

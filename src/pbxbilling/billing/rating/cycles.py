"""How often a tenant's price is due, and where the cycle that a period is in begins and ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.history import History
from pbxbilling.catalog.plan import SOLD_CYCLES, Cycle, Plan
from pbxbilling.kernel.period import Period, anchor_date
from pbxbilling.subscriptions.subscription import Subscription

_A_MONTH = timedelta(days=30)
_LONGEST_MONTH = timedelta(days=32)


def cycle_of(plan: Plan, subscription: Subscription | None) -> Cycle:
    """Return the cycle of a tenant with a plan: by the price that its subscription has.

    Without one, or with none of the plan's prices, it is the shortest that the plan has a price
    for.
    """
    prices = frozenset(subscription.prices) if subscription is not None else frozenset()
    sold = (cycle for cycle in SOLD_CYCLES if plan.price_ids((cycle,)) & prices)
    return next(sold, plan.own_cycle)


def leading_cycle(
    period: Period, plan: Plan, lead: Subscription | None, history: History
) -> Cycle | None:
    """Return the cycle of the subscription that led in a period; None: none did."""
    if lead is not None:
        return cycle_of(plan, lead)
    former = history.cycle_at(period.begins)  # of a subscription before the one that leads now
    return None if former is None else _as_long_as(former.ends - former.begins)


def _as_long_as(length: timedelta) -> Cycle:
    return min(Cycle, key=lambda cycle: abs(cycle.months * _A_MONTH - length))


def cycle_around(
    period: Period,
    cycle: Cycle,
    tenant: Tenant,
    subscription: Subscription | None,
    history: History,
    plans: Mapping[str, Plan],
    began: datetime | None,
) -> Period:
    """Return the cycle, longer than a month, that contains where a period begins.

    A subscription's begins where the gateway says. Another follows the tenant's own months, from
    where billing began or the tenant took up a plan with this cycle.
    """
    if subscription is not None:
        return _of_subscription(period, cycle, subscription)
    former = history.cycle_at(period.begins)
    if former is not None:
        return Period(period.month, former.begins, former.ends)
    starts = [began or period.begins]
    for switch in history.switches:
        before = plans.get(switch.before)
        if switch.at <= period.begins and before is not None and before.own_cycle is not cycle:
            starts.append(switch.at)
    begins = max(starts)
    while (ends := _months_on(begins, cycle.months, tenant)) <= period.begins:
        begins = ends
    return Period(period.month, begins, ends)


def _months_on(begins: datetime, months: int, tenant: Tenant) -> datetime:
    for _ in range(months):
        begins = tenant.period_at(begins).ends
    return begins


def _of_subscription(period: Period, cycle: Cycle, subscription: Subscription) -> Period:
    begins, ends = subscription.period_start, subscription.period_end
    if begins is None or ends is None or ends - begins <= _LONGEST_MONTH:
        begins = subscription.trial_until or subscription.created_at
    first, step = begins, cycle.months
    passed = (period.begins.year - first.year) * 12 + period.begins.month - first.month
    count = passed // step + 1
    while (begins := _plus_months(first, count * step)) > period.begins:
        count -= 1
    return Period(period.month, begins, _plus_months(first, (count + 1) * step))


def _plus_months(at: datetime, months: int) -> datetime:
    day = anchor_date(at.year * 12 + at.month - 1 + months, at.day)
    return at.replace(year=day.year, month=day.month, day=day.day)

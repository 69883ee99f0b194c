"""What cannot change while a period is open: one statement has one currency and one cycle.

The same rules hold for an accounts file and for `plan change`, and for a demo too: it can become a
paying tenant before its period is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from pbxbilling.accounts.checks import Plans, Problem
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod
from pbxbilling.catalog.plan import Cycle, Plan

_NAMED = 5  # tenants that a problem lists by slug; it only counts the rest
_WORDS: Mapping[Cycle, str] = {
    Cycle.MONTH: "month",
    Cycle.QUARTER: "quarter",
    Cycle.HALF_YEAR: "half-year",
    Cycle.YEAR: "year",
}


def why_not_within(tenant: Tenant, before: Plan, after: Plan, at: datetime) -> str | None:
    """Return why a tenant cannot move from one plan to another within a period; None: it can."""
    if _currencies_differ(before, after):
        return (
            f"{before.slug} is in {before.currency} and {after.slug} in {after.currency}, and a"
            " statement has one currency"
        )
    if tenant.subscription is None and before.own_cycle is not after.own_cycle:
        return (
            f"{before.slug} is paid by the {_WORDS[before.own_cycle]} and {after.slug} by the"
            f" {_WORDS[after.own_cycle]}"
        )
    if is_metered(tenant, at):
        return (
            f"{tenant.slug} is charged by meter events, which cannot mix the minutes of two plans"
            " in one period"
        )
    return None


def is_metered(tenant: Tenant, at: datetime) -> bool:
    """Return whether a gateway's meter counts the tenant's usage at an instant."""
    return not tenant.demo and tenant.usage_collection.at(at) is CollectionMethod.METER_EVENTS


def move_problems(
    before: Tenant, after: Tenant, in_force: Plans, declared: Plans, at: datetime
) -> Iterator[Problem]:
    """Yield a problem where a file moves a tenant to a plan that its open period cannot have."""
    old, new = in_force.get(before.plan), {**in_force, **declared}.get(after.plan)
    if old is None or new is None:
        return
    why = why_not_within(after, old, new, at)
    if why is not None:
        yield Problem(
            f"tenant {after.slug}",
            "plan",
            f"{why}: move it for the whole of its open period, or when the next one begins, with"
            f" `plan change {after.slug} {new.slug} --at INSTANT`",
        )


def terms_problems(
    before: Plan, after: Plan, tenants: Iterable[Tenant], at: datetime
) -> Iterator[Problem]:
    """Yield a problem for each term of a plan that the open periods of its tenants need.

    `tenants` have the plan before and after. Prices and rates may change: what was in force counts.
    """
    having = list(tenants)
    if _currencies_differ(before, after):
        billed = [tenant for tenant in having if not is_in_first_period(tenant, at)]
        yield from _problem(after, "currency", f"was {before.currency}", billed)
    yield from _cycle_problems(before, after, having)
    if _meter_terms(before) != _meter_terms(after):
        metered = [tenant for tenant in having if is_metered(tenant, at)]
        what = "cannot change while a meter counts by them"
        yield from _problem(after, "included minutes, increment and overage", what, metered)


def _cycle_problems(before: Plan, after: Plan, having: list[Tenant]) -> Iterator[Problem]:
    if before.own_cycle is not after.own_cycle:
        unlinked = [tenant for tenant in having if tenant.subscription is None]
        what = f"was by the {_WORDS[before.own_cycle]}, now by the {_WORDS[after.own_cycle]}"
        yield from _problem(after, "price", what, unlinked)
    gone = before.prices.keys() - after.prices.keys() if after.prices else ()
    linked = [tenant for tenant in having if tenant.subscription is not None]
    if gone:
        words = ", ".join(_WORDS[cycle] for cycle in Cycle if cycle in gone)
        yield from _problem(after, "price", f"none by the {words} any more", linked)


def is_in_first_period(tenant: Tenant, at: datetime) -> bool:
    """Return whether nothing was charged yet: a wrong currency can still be put right."""
    if tenant.added_at is None or tenant.subscription is not None:
        return False
    return tenant.added_at >= tenant.period_at(at).begins


def _currencies_differ(before: Plan, after: Plan) -> bool:
    """Return whether amounts in two currencies meet; a plan that costs nothing has none."""
    charge = not (before.costs_nothing or after.costs_nothing)
    return charge and before.currency != after.currency


def _meter_terms(plan: Plan) -> tuple[object, ...]:
    return (
        plan.included_minutes,
        plan.included_directions,
        plan.billing_increment,
        plan.overage_per_minute_micros,
    )


def _problem(plan: Plan, key: str, what: str, tenants: list[Tenant]) -> Iterator[Problem]:
    if not tenants:
        return
    slugs = sorted(tenant.slug for tenant in tenants)
    more = f" and {len(slugs) - _NAMED} more" if len(slugs) > _NAMED else ""
    yield Problem(
        f"plan {plan.slug}",
        key,
        f"{what}, but {', '.join(slugs[:_NAMED])}{more} has it, and its open period needs what it"
        " was: write a new plan, and move each tenant to it with `plan change` when a period of it"
        " begins",
    )

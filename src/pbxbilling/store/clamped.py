"""Clamps stored plans and tenants whose numbers exceed today's bounds.

An earlier release accepted such numbers. They are read as the nearest bound, so that neither a
start nor a call fails on them, and each gets a notice. Amounts of money are never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from pbxbilling.accounts import kinds
from pbxbilling.accounts.fields import PLAN_FIELDS
from pbxbilling.accounts.kinds import Kind
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import BillingIncrement, Limits, Plan
from pbxbilling.kernel.bounds import COUNT_MOST, LAST_INSTANT, SECONDS_MOST


def clamped_plan(plan: Plan, notices: list[str]) -> Plan:
    """Return the plan within the bounds; append what exceeded them to `notices`."""
    bounded = {
        field.name: _BOUNDED[field.kind](value)
        for field in PLAN_FIELDS
        if field.kind in _BOUNDED and (value := getattr(plan, field.name)) is not None
    }
    within = replace(plan, **bounded)
    if within == plan:
        return plan
    notices.extend(_notices(f"plan {plan.slug}", plan, within))
    return within


def _increment(increment: BillingIncrement) -> BillingIncrement:
    return BillingIncrement(
        min(increment.first_s, SECONDS_MOST), min(increment.step_s, SECONDS_MOST)
    )


def clamped_tenant(tenant: Tenant, notices: list[str]) -> Tenant:
    """Return the tenant within the bounds, as `clamped_plan` does; most need no change."""
    until = tenant.trial_until
    if (
        tenant.extensions <= COUNT_MOST
        and (until is None or until <= LAST_INSTANT)
        and not (tenant.limits and _exceed(tenant.limits))
    ):
        return tenant
    within = replace(
        tenant,
        extensions=min(tenant.extensions, COUNT_MOST),
        trial_until=None if until is None else min(until, LAST_INSTANT),
        limits=_counts(tenant.limits),
    )
    notices.extend(_notices(f"tenant {tenant.slug}", tenant, within))
    return within


def _exceed(limits: Mapping[str, int | None]) -> bool:
    return any(limit is not None and limit > COUNT_MOST for limit in limits.values())


def _counts(limits: Mapping[str, int | None]) -> dict[str, int | None]:
    return {
        name: None if limit is None else min(limit, COUNT_MOST) for name, limit in limits.items()
    }


def _notices(subject: str, kept: Plan | Tenant, within: Plan | Tenant) -> Iterator[str]:
    for field in fields(kept):
        before, after = getattr(kept, field.name), getattr(within, field.name)
        if before != after:
            yield (
                f"{subject}: {field.name} is stored as {before}, above the limit of today: it"
                f" counts as {after} until it is applied again"
            )


_BOUNDED: Mapping[Kind[Any], Callable[[Any], Any]] = {
    kinds.LIMIT: lambda limit: min(limit, COUNT_MOST),
    kinds.LIMITS: lambda limits: Limits(**_counts(asdict(limits))),
    kinds.INCREMENT: _increment,
    kinds.PLACE: lambda place: max(-COUNT_MOST, min(place, COUNT_MOST)),
}

"""Checks that the plan of new tenants exists, can be chosen and bounds their calls.

Reads the database alone, with or without a daemon, and changes nothing: `config check`, `doctor`
and `setup` say the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select

from pbxbilling.config.settings import Settings
from pbxbilling.doctor.check import Check, ok, warn
from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.database import Database
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.schema import plan

NAME = "billing.default_plan"
_EXAMPLE = "config/plans.example.toml has five"


class StoredPlan(NamedTuple):
    """What the check needs of a plan; older schemas have it too."""

    slug: str
    active: bool
    bounded: bool  # it has at least one limit of calls


async def check_default_plan(settings: Settings) -> Check:
    """Check `billing.default_plan` against the stored plans. Raises nothing: a fault is a warning.

    Where the database does not exist yet or cannot be read, the warning says so.
    """
    slug = settings.billing.default_plan
    try:
        plans = await _stored(database_at(settings.database.place))
    except (StoreError, OSError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else fault
        found = f'"{slug}" cannot be checked: {reason}'
        return _warning(found, f"apply plans ({_EXAMPLE}), or run this as the daemon's user")
    return judge_default_plan(slug, plans)


def judge_default_plan(slug: str, plans: Iterable[StoredPlan]) -> Check:
    """Judge the plan that a tenant gets whose accounts file names none."""
    by_slug = {plan.slug: plan for plan in plans}
    named = by_slug.get(slug)
    if named is None or not named.active:
        what = "deactivated" if named else "not among the plans"
        found = f'"{slug}" is {what}: whoever adds a tenant without a plan is refused'
        return _warning(found, _another(slug, by_slug.values()))
    if named.bounded:
        return ok("configuration", NAME, f"plan {slug} is active and has limits")
    found = f'"{slug}" has no limit of calls: tenants added without a plan call without bound'
    return _warning(found, "set its max_calls, or name another plan")


def _another(slug: str, plans: Iterable[StoredPlan]) -> str:
    active = sorted(plan.slug for plan in plans if plan.active)
    if active:
        return f"name an active plan ({', '.join(active)}), or apply an active [plan.{slug}]"
    return f"apply an accounts file with an active [plan.{slug}]; {_EXAMPLE} plans to start from"


def _warning(found: str, fix: str) -> Check:
    return warn("configuration", NAME, found, fix)


async def _stored(database: Database) -> list[StoredPlan]:
    query = select(plan.c.slug, plan.c.active, plan.c.limits)
    async with database.looked_at() as snapshot:
        return [
            StoredPlan(slug, active, any(most is not None for most in limits.values()))
            for slug, active, limits in await snapshot.execute(query)
        ]

"""Find what contradicts between an accounts file and the accounts in force, before any write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod
from pbxbilling.catalog.plan import SOLD_CYCLES, Plan, unmeterable
from pbxbilling.kernel.gateway_names import PRICE_TABLES, GatewayName
from pbxbilling.kernel.numbers import found_by

Plans = Mapping[str, Plan]
Tenants = Mapping[str, Tenant]


class Problem(NamedTuple):
    """One contradiction: its subject (`tenant acme`), its key, and a text that names the fix."""

    subject: str
    key: str
    text: str


def plan_problems(declared: Plans, in_force: Plans) -> Iterator[Problem]:
    """Yield a problem for each renamed slug, and for each gateway price that two plans sell."""
    everyone = {**in_force, **declared}
    sellers: dict[tuple[GatewayName, str], Plan] = {}
    for plan in everyone.values():
        for gateway, key, price in _own_prices(plan):
            other = sellers.setdefault((gateway, price), plan)
            if other is not plan and not _is_rename(other, plan, declared, in_force):
                yield Problem(
                    f"plan {plan.slug}",
                    f"{PRICE_TABLES[gateway]}.{key}",
                    f"{price!r} is already a price of plan {other.slug}, so a subscription to it"
                    " would fit both plans: give each plan its own price",
                )
    for plan in declared.values():
        if plan.slug not in in_force:
            yield from _renames(plan, declared, in_force)


def _own_prices(plan: Plan) -> Iterator[tuple[GatewayName, str, str]]:
    """Yield the gateway, key and id of each price by which a subscription identifies the plan."""
    for gateway, prices in plan.gateway_prices.items():
        for cycle, key in SOLD_CYCLES.items():
            if price := prices.of(cycle):
                yield gateway, key, price


def _renames(new: Plan, declared: Plans, in_force: Plans) -> Iterator[Problem]:
    for old in in_force.values():
        if _is_rename(old, new, declared, in_force):
            yield Problem(
                f"plan {new.slug}",
                "",
                f"looks like plan {old.slug} under another slug, and a slug never changes: keep"
                f" [plan.{old.slug}] and change its name, or keep both plans in the file",
            )


def _is_rename(old: Plan, new: Plan, declared: Plans, in_force: Plans) -> bool:
    """Return whether a new plan has the name or a price of a plan that the file no longer has."""
    if new.slug in in_force or old.slug in declared or old.slug not in in_force:
        return False
    return (bool(new.name) and new.name == old.name) or bool(new.price_ids() & old.price_ids())


def choice_problems(before: Tenant | None, after: Tenant, plans: Plans) -> Iterator[Problem]:
    """Yield a problem where a tenant's plan is unknown, or newly chosen though deactivated."""
    subject, plan = f"tenant {after.slug}", plans.get(after.plan)
    if plan is None:
        known = ", ".join(sorted(plans)) or "none"
        yield Problem(
            subject,
            "plan",
            f"{after.plan!r} is unknown (known: {known}); add [plan.{after.plan}] to the accounts"
            " file or name another. A plan's slug never changes",
        )
    elif not plan.active and (before is None or before.plan != after.plan):
        yield Problem(
            subject,
            "plan",
            f"{after.plan!r} is deactivated and stays with the tenants that have it; choose an"
            " active plan, or set active = true",
        )


def demo_problems(before: Tenant | None, after: Tenant) -> Iterator[Problem]:
    """Yield a problem where a tenant becomes a demo while a gateway still charges it."""
    if before is None or before.demo or not after.demo or before.subscription is None:
        return
    if before.status is not Status.CANCELLED:
        yield Problem(
            f"tenant {after.slug}",
            "demo",
            f"a demo tenant is never billed, but subscription {before.subscription} still bills"
            " this one: cancel it first",
        )


def collection_problems(tenants: Tenants, plans: Plans) -> Iterator[Problem]:
    """Yield a problem for each metered tenant whose plan a meter of whole minutes cannot charge."""
    for tenant in tenants.values():
        plan = plans.get(tenant.plan)
        metered = CollectionMethod.METER_EVENTS in (
            tenant.usage_collection.way,
            tenant.usage_collection.before,
        )
        faults = unmeterable(plan) if metered and plan is not None else ()
        if faults:
            yield Problem(
                f"tenant {tenant.slug}",
                "charges",
                f"meter events count whole minutes, and plan {tenant.plan} cannot be charged that"
                f" way ({', '.join(faults)}): change the plan, or set charges ="
                f' "{CollectionMethod.INVOICE_ITEMS}"',
            )


def double_claims(tenants: Tenants) -> Iterator[Problem]:
    """Yield a problem for each account code, DID or context of two tenants, at the later one."""
    owners: dict[tuple[str, str], str] = {}
    for tenant in tenants.values():
        for key in ("accountcodes", "dids", "contexts"):
            for value in getattr(tenant, key):
                known_by = found_by(value) if key == "dids" else value
                owner = owners.setdefault((key, known_by), tenant.slug)
                if owner != tenant.slug:
                    yield Problem(
                        f"tenant {tenant.slug}",
                        key,
                        f"{value!r} is claimed by tenant {owner} and by tenant {tenant.slug}; a"
                        " call can belong to one only: remove it from one of them",
                    )


def numbers_listed_twice(tenant: Tenant) -> Iterator[Problem]:
    """Yield a problem for each number that the tenant lists again, in whatever spelling."""
    listed: dict[str, str] = {}
    for number in tenant.dids:
        known_by = found_by(number)
        if known_by in listed:
            yield Problem(
                f"tenant {tenant.slug}",
                "dids",
                f"{listed[known_by]!r} and {number!r} are one number: remove one of them",
            )
        listed.setdefault(known_by, number)

"""What an accounts file would change: plans and tenants as declared, against those in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pbxbilling.domain.book import AccountBook
from pbxbilling.domain.money import from_micros, from_minor
from pbxbilling.domain.plan import LIMIT_NAMES, Cycle, Plan
from pbxbilling.domain.standing import Blocker, Status, Turn
from pbxbilling.domain.tenant import Tenant

# The accounts file's keys for what a cycle costs.
PRICE_KEYS: Mapping[Cycle, str] = {
    Cycle.MONTH: "price",
    Cycle.QUARTER: "price_quarter",
    Cycle.HALF_YEAR: "price_half_year",
    Cycle.YEAR: "price_year",
}


class AccountsError(Exception):
    """The file contradicts itself or what is in force; `problems` names each fault and its mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class AccountsFile:
    """Plans and tenants as an operator declares them.

    `statuses` holds those that the file names: a status is lived, not configured, so a tenant
    without one keeps its own.
    """

    plans: tuple[Plan, ...]
    tenants: tuple[Tenant, ...]
    statuses: Mapping[str, Status]


class ChangeKind(StrEnum):
    """What applying the file does to one plan or tenant."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One key, in the file's own words; None is unset."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One plan or tenant, as it was (None: it was not) and as it will be."""

    before: Plan | Tenant | None
    after: Plan | Tenant

    @property
    def subject(self) -> str:
        """`plan starter` or `tenant acme`."""
        return f"{'plan' if isinstance(self.after, Plan) else 'tenant'} {self.after.slug}"

    @property
    def kind(self) -> ChangeKind:
        """Whether anything changes, and how."""
        if self.before is None:
            return ChangeKind.ADDED
        return ChangeKind.UNCHANGED if self.before == self.after else ChangeKind.CHANGED

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """The keys that change; of something new, those that differ from unset."""
        before = {} if self.before is None else as_written(self.before)
        return tuple(
            FieldChange(key, before.get(key), value)
            for key, value in as_written(self.after).items()
            if before.get(key) != value
        )


def plan_changes(
    book: AccountBook, file: AccountsFile, at: datetime, trial_days: int
) -> list[Change]:
    """What the file makes of the accounts in force, plans first, in the file's order.

    Whoever the file does not name is left alone. A key that it does not name in a plan or tenant
    that it does name goes to its default, so that afterwards the database matches the file; what
    is lived and not declared (status, blocks, trial, subscription) stays. A tenant whose status
    the file turns to `trial` is on trial for `trial_days` from `at`.

    Raises AccountsError with every contradiction found.
    """
    plans = [Change(book.plans.get(plan.slug), plan) for plan in file.plans]
    tenants = [_tenant_change(book, file, tenant, at, trial_days) for tenant in file.tenants]
    known_plans = book.plans | {plan.slug: plan for plan in file.plans}
    everyone = book.tenants | {c.after.slug: c.after for c in tenants}
    problems = [
        *(problem for change in tenants for problem in _plan_problems(change, known_plans)),
        *_double_claims(everyone),
    ]
    if problems:
        raise AccountsError(problems)
    return [*plans, *tenants]


@dataclass(frozen=True, slots=True)
class TenantChange(Change):
    """A change of a tenant; `turn` says what turned its status, None: an operator's word."""

    before: Tenant | None
    after: Tenant
    turn: Turn | None = None


def _tenant_change(
    book: AccountBook, file: AccountsFile, declared: Tenant, at: datetime, trial_days: int
) -> TenantChange:
    known = book.tenants.get(declared.slug)
    lived = known or declared
    status, blocks = file.statuses.get(declared.slug, lived.status), lived.blocks
    if status is Status.SUSPENDED:  # no status that is lived: a block in front of it
        status, blocks = lived.status, blocks | {Blocker.OPERATOR}
    begins_trial = status is Status.TRIAL and lived.trial_until is None
    after = replace(
        declared,
        status=status,
        blocks=blocks,
        status_since=lived.status_since if status is lived.status else at,
        trial_until=at + timedelta(days=trial_days) if begins_trial else lived.trial_until,
        customer=lived.customer,
        subscription=lived.subscription,
        renews_at=lived.renews_at,
        setup_paid_at=lived.setup_paid_at,
    )
    return TenantChange(known, after, Turn.TRIAL_BEGAN if begins_trial else None)


def _plan_problems(change: TenantChange, plans: Mapping[str, Plan]) -> Iterator[str]:
    tenant, before = change.after, change.before
    plan = plans.get(tenant.plan)
    if plan is None:
        known = ", ".join(sorted(plans)) or "none"
        yield (
            f"tenant {tenant.slug}: plan {tenant.plan!r} is unknown (known: {known});"
            f" add [plan.{tenant.plan}] to the file or name another"
        )
    elif not plan.active and (before is None or before.plan != tenant.plan):
        yield (
            f"tenant {tenant.slug}: plan {tenant.plan!r} is deactivated and stays with the tenants"
            " that have it; choose an active plan, or set active = true"
        )


def _double_claims(tenants: Mapping[str, Tenant]) -> Iterator[str]:
    owners: dict[tuple[str, str], str] = {}
    for tenant in tenants.values():
        for key in ("accountcodes", "dids", "contexts"):
            for value in getattr(tenant, key):
                owner = owners.setdefault((key, value), tenant.slug)
                if owner != tenant.slug:
                    yield (
                        f"{key}: {value!r} is claimed by tenant {owner} and by tenant"
                        f" {tenant.slug}; a call can belong to one only: remove it from one of them"
                    )


def as_written(record: Plan | Tenant) -> dict[str, Any]:
    """A plan or tenant in the accounts file's keys and plain values (JSON), for diffs and audit."""
    return _plan_as_written(record) if isinstance(record, Plan) else _tenant_as_written(record)


def _plan_as_written(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "description": plan.description,
        **{name: getattr(plan.limits, name) for name in LIMIT_NAMES},
        "count_internal": plan.count_internal,
        "included_minutes": -1 if plan.included_minutes is None else plan.included_minutes,
        "included_directions": sorted(plan.included_directions),
        "overage": plan.overage.value,
        "currency": plan.currency,
        **{PRICE_KEYS[cycle]: _price(plan, cycle) for cycle in Cycle},
        "setup_fee": from_minor(plan.setup_fee, plan.currency),
        "overage_per_minute": from_micros(plan.overage_per_minute_micros),
        "price_per_call": from_micros(plan.price_per_call_micros),
        "billing_increment": str(plan.billing_increment),
        "features": sorted(plan.features),
        "stripe_prices": {name: id_ for name, id_ in asdict(plan.stripe).items() if id_},
        "active": plan.active,
        "recommended": plan.recommended,
        "sort_order": plan.sort_order,
    }


def _price(plan: Plan, cycle: Cycle) -> str | None:
    price = plan.prices.get(cycle)
    return None if price is None else from_minor(price, plan.currency)


def _tenant_as_written(tenant: Tenant) -> dict[str, Any]:
    return {
        "plan": tenant.plan,
        "name": tenant.name,
        "email": tenant.email,
        "address": tenant.address,
        "contacts": list(tenant.contacts),
        "vat_id": tenant.vat_id,
        "tax_exempt": tenant.tax_exempt,
        "status": tenant.status.value,
        "blocks": sorted(tenant.blocks),
        "trial_until": _instant(tenant.trial_until),
        "mode": tenant.mode.value if tenant.mode else None,
        **{name: _override(tenant, name) for name in LIMIT_NAMES},
        "accountcodes": list(tenant.accountcodes),
        "dids": list(tenant.dids),
        "contexts": list(tenant.contexts),
        "timezone": tenant.timezone,
        "anchor_day": tenant.anchor_day,
        "demo": tenant.demo,
        "extensions": tenant.extensions,
        "customer": tenant.customer,
        "subscription": tenant.subscription,
        "renews_at": _instant(tenant.renews_at),
    }


def _override(tenant: Tenant, name: str) -> int | None:
    """A tenant's own limit as the file writes it: None is the plan's, -1 is unlimited."""
    if name not in tenant.limits:
        return None
    limit = tenant.limits[name]
    return -1 if limit is None else limit


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None

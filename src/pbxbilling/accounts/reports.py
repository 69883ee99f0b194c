"""What operators read about plans, worked out from the accounts in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pbxbilling.accounts.file_format import as_written
from pbxbilling.accounts.terms.registry import Registry


@dataclass(frozen=True, slots=True)
class PlanReport:
    """One plan: `settings` in the accounts file's keys, and how many tenants have it."""

    plan: str
    tenants: int
    settings: Mapping[str, Any]


def plan_reports(registry: Registry) -> list[PlanReport]:
    """All plans, by their place in the list, then by slug."""
    having = Counter(tenant.plan for tenant in registry.tenants.values())
    ordered = sorted(registry.plans.values(), key=lambda plan: (plan.sort_order, plan.slug))
    return [PlanReport(plan.slug, having[plan.slug], as_written(plan)) for plan in ordered]

"""What is kept of accounts: who changed what, and all of them as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.records import Record


@dataclass(frozen=True, slots=True)
class AuditRecord(Record):
    """Who changed what; appended. `before` and `after` are JSON objects, None where nothing was."""

    at: datetime
    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Accounts:
    """All plans and tenants, as they stand in the store; `notices` name what is odd in there."""

    plans: tuple[Plan, ...]
    tenants: tuple[Tenant, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanSwitched(Record):
    """From `at` on a tenant has the plan `after`, before that `before`; keyed by `tenant`, `at`."""

    tenant: str
    at: datetime
    before: str
    after: str

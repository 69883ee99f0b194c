"""Stored forms of accounts: all plans and tenants, their audit trail, and switches of plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pbxbilling.accounts.key_origin import AccountKind
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.records import Record


@dataclass(frozen=True, slots=True)
class AuditRecord(Record):
    """An appended row of the audit trail; `before`, `after`: JSON objects, None where none was."""

    at: datetime
    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Accounts:
    """All plans and tenants in the store; `notices` describe oddities found among them.

    `version` is the number of changes that made them so; see `AccountTransaction`.
    """

    plans: tuple[Plan, ...]
    tenants: tuple[Tenant, ...]
    notices: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class PlanSwitched(Record):
    """A tenant has plan `after` from `at` on, `before` until then; keyed by `tenant` and `at`."""

    tenant: str
    at: datetime
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TermsChanged(Record):
    """What a plan or tenant had until `at`: a row that is appended with each change of its terms.

    `before` has the keys of `as_written` that statements charge by and that changed, as they were.
    """

    kind: AccountKind
    slug: str
    at: datetime
    before: Mapping[str, Any]

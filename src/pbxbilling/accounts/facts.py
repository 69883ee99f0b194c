"""Facts about plans and tenants: accounts changed, a status changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pbxbilling.accounts.terms.status import Status, Transition
from pbxbilling.kernel.facts import Fact


class SubjectKind(StrEnum):
    """What kind of thing a change is about."""

    PLAN = "plan"
    TENANT = "tenant"
    LEG = "leg"  # its usage was assigned to a tenant


@dataclass(frozen=True, slots=True)
class AccountsChanged(Fact):
    """A plan, a tenant or the tenant of a leg was changed; in force for the next call.

    `slug` is the plan's or tenant's, or the leg's `pbx:uniqueid`.
    """

    at: datetime
    actor: str
    action: str
    kind: SubjectKind
    slug: str

    @property
    def subject(self) -> str:
        """Return `tenant acme`, as the log and the audit trail name it."""
        return f"{self.kind} {self.slug}"


@dataclass(frozen=True, slots=True)
class StatusChanged(Fact):
    """A tenant's status changed by one row of the table of transitions; in force at once.

    `actor` is a user of the machine, the gateway, or the daily check.
    """

    at: datetime
    tenant: str
    before: Status
    after: Status
    transition: Transition
    actor: str
    subscription: str | None

"""Stored forms of accounts: all plans and tenants, their audit trail, and switches of plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pbxbilling.accounts.key_origin import AccountKind
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.audit import Actor, ActorType, AuditEvent
from pbxbilling.kernel.records import QueuedRecord, Record


@dataclass(frozen=True, slots=True)
class AuditRecord(QueuedRecord):
    """An appended row of the audit trail; `before`, `after`: JSON objects, None where none was.

    `event` is None in rows that a release before 0.2, or one after this, has written; `tenant` is
    whose subject it is, if anybody's.
    """

    at: datetime
    event: AuditEvent | None
    action: str
    subject: str
    tenant: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    actor_type: ActorType
    actor: str
    actor_id: str = ""
    address: str = ""
    request: str = ""
    reason: str = ""

    @property
    def queue_key(self) -> None:
        """Return None: each is a row of its own."""
        return None


@dataclass(frozen=True, slots=True)
class Act:
    """What is done, as the audit trail calls it: the event of its list, and the command's words."""

    event: AuditEvent
    action: str

    def on(
        self,
        subject: str,
        actor: Actor,
        at: datetime,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        tenant: str | None = None,
    ) -> AuditRecord:
        """Return the row of doing it to a subject."""
        return AuditRecord(
            at,
            self.event,
            self.action,
            subject,
            tenant,
            before,
            after,
            actor.type,
            actor.name,
            actor.ident,
            actor.address,
            actor.request,
            actor.reason,
        )


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which rows of the audit trail; None is all. `before_id`: older than that row."""

    tenant: str | None = None
    event: AuditEvent | None = None
    actor: str | None = None
    subject: str | None = None
    since: datetime | None = None
    before_id: int | None = None
    limit: int = 1000


class AuditRow(NamedTuple):
    """A row of the audit trail with its number, by which later ones are greater."""

    id: int
    record: AuditRecord


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

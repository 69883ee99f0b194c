"""Those who change things in tests, and rows of the audit trail about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pbxbilling.accounts.records import Act, AuditRecord
from pbxbilling.kernel.audit import Actor, ActorType, AuditEvent


def named(name: str) -> Actor:
    """Return a user of the machine."""
    return Actor(ActorType.COMMAND, name)


def audited(
    at: datetime,
    name: str,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> AuditRecord:
    """Return a row about an update of a tenant, or of whatever the subject is."""
    kind, _, slug = subject.partition(" ")
    tenant = slug if kind == "tenant" else None
    return Act(AuditEvent.TENANT_UPDATED, action).on(
        subject, named(name), at, before, after, tenant
    )

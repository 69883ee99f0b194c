"""What the audit trail says of a change: which event it is of a fixed list, and who made it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorType(StrEnum):
    """What kind of actor made a change."""

    USER = "user"
    TOKEN = "token"  # noqa: S105 - a kind of actor
    COMMAND = "command"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever makes a change, in words, and why.

    `ident` is that of the user or token; `address` and `request` are those of the request that
    asked for it, `reason` is what its sender said. "": there is none.
    """

    type: ActorType
    name: str
    ident: str = ""
    address: str = ""
    request: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return self.name


def system(name: str) -> Actor:
    """Return a part of the daemon that acts by itself."""
    return Actor(ActorType.SYSTEM, name)


class AuditEvent(StrEnum):
    """Everything that the audit trail tells; docs/reference/audit.md says when each is written."""

    PLAN_CREATED = "plan.created"
    PLAN_UPDATED = "plan.updated"
    PLAN_TOGGLED = "plan.toggled"
    TENANT_CREATED = "tenant.created"
    TENANT_UPDATED = "tenant.updated"
    TENANT_SUSPENDED = "tenant.suspended"
    TENANT_ACTIVATED = "tenant.activated"
    TENANT_TRIAL = "tenant.trial"
    TENANT_FORGOTTEN = "tenant.forgotten"
    MODE_CHANGED = "mode.changed"
    SUBSCRIPTION_CHECKOUT = "subscription.checkout"
    SUBSCRIPTION_PORTAL = "subscription.portal"
    SUBSCRIPTION_LINKED = "subscription.linked"
    SUBSCRIPTION_ASSIGNED = "subscription.assigned"
    SUBSCRIPTION_INCOMPLETE = "subscription.incomplete"
    SUBSCRIPTION_PAID = "subscription.paid"
    SUBSCRIPTION_AUTO_RENEWED = "subscription.auto_renewed"
    SUBSCRIPTION_PAYMENT_FAILED = "subscription.payment_failed"
    SUBSCRIPTION_GRACE_PERIOD = "subscription.grace_period"
    SUBSCRIPTION_READ_ONLY = "subscription.read_only"
    SUBSCRIPTION_CANCELLED = "subscription.cancelled"
    SUBSCRIPTION_REACTIVATED = "subscription.reactivated"
    CALL_RELEASED = "call.released"
    USAGE_ASSIGNED = "usage.assigned"
    USAGE_DECIDED = "usage.decided"
    STATEMENT_CLOSED = "statement.closed"
    STATEMENT_SAVED = "statement.saved"
    STATEMENT_ONE_OFF = "statement.one_off"
    USER_CREATED = "user.created"
    USER_PASSWORD = "user.password"  # noqa: S105 - an event
    USER_SECOND_FACTOR = "user.second_factor"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    ROLE_CREATED = "role.created"
    ROLE_UPDATED = "role.updated"
    ROLE_DELETED = "role.deleted"
    TOKEN_CREATED = "token.created"  # noqa: S105 - an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - an event

"""Who acts, and the one question whether they may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Self

from pbxbilling.identity.permissions import EVERYTHING, Permission
from pbxbilling.kernel.audit import Actor, ActorType


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who acts, with the permissions of this moment.

    `name` is what the audit trail calls them, `ident` is that of the user or token. One with
    a `tenant` reaches its objects alone.
    """

    type: ActorType
    name: str
    permissions: frozenset[Permission]
    tenant: str | None = None
    ident: str = ""

    @classmethod
    def command(cls, name: str) -> Self:
        """Return a user of the machine: whoever may use the admin socket may do everything."""
        return cls(ActorType.COMMAND, name, EVERYTHING)

    def actor(self, address: str = "", request: str = "", reason: str = "") -> Actor:
        """Return who acts in a request, as the audit trail has it."""
        return Actor(self.type, self.name, self.ident, address, request, reason)


class Access(Enum):
    """The answer: `UNSEEN` is that of an object that is not there."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    UNSEEN = "unseen"


class Site:
    """The subject of what belongs to no tenant: plans as a whole, the mode, all tenants at once."""


SITE = Site()
Subject = str | Site | None
"""The tenant whose object it is; None for an object of nobody, such as a call without a tenant."""


def may(principal: Principal, permission: Permission, subject: Subject) -> Access:
    """Return whether a principal may do that to that subject.

    Another tenant's object is not there for a tenant's principal, whatever it may do to its own:
    an answer of "forbidden" would say that it exists.
    """
    bound = principal.tenant is not None
    if bound and not isinstance(subject, Site) and subject != principal.tenant:
        return Access.UNSEEN
    if permission not in principal.permissions or (bound and isinstance(subject, Site)):
        return Access.FORBIDDEN
    return Access.ALLOWED

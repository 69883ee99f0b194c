"""Users and roles as they are saved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pbxbilling.identity.permissions import OF_TENANTS, SHIPPED_ROLES, Permission
from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.audit import ActorType
from pbxbilling.kernel.records import Record

NO_PERMISSIONS: Final[frozenset[Permission]] = frozenset()
EMAIL_MOST: Final = 254  # RFC 5321, 4.5.3.1.3, without its angle brackets

# One @, no space, a dot in the domain: whether anybody reads it is found out by a mail.
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")


@dataclass(frozen=True, slots=True)
class User(Record):
    """A person who logs in, keyed by `id`; `email` is in small letters, and no other user has it.

    `password` is encoded by Argon2id; "": none yet, and nobody can log in. `totp` is the secret of
    the second factor, "": none; `totp_step` the last step whose code was used; `recovery` digests
    of the codes that are left. One with a `tenant` reaches its objects alone.
    """

    id: str
    email: str
    role: str
    tenant: str | None
    password: str
    password_at: datetime
    created_at: datetime
    created_by: str
    totp: str = ""
    totp_step: int = 0
    recovery: tuple[str, ...] = ()
    disabled_at: datetime | None = None

    def principal(self, roles: Mapping[str, CustomRole]) -> Principal:
        """Return who acts, with the permissions of their role as it is now."""
        role = roles.get(self.role)
        permissions = role.permissions if role else shipped_permissions(self.role)
        return Principal(ActorType.USER, self.email, permissions, self.tenant, self.id)


@dataclass(frozen=True, slots=True)
class CustomRole(Record):
    """A role that this site has made, keyed by `name`; `of_tenants`: its users act for one."""

    name: str
    permissions: frozenset[Permission]
    of_tenants: bool
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class RoleDeleted(Record):
    """A role that this site had made is gone; keyed by `name`."""

    name: str


def shipped_permissions(role: str) -> frozenset[Permission]:
    """Return what a shipped role may do; nothing for another name."""
    return next((found for name, found in SHIPPED_ROLES.items() if name == role), NO_PERMISSIONS)


def is_for_a_tenant(role: str, roles: Mapping[str, CustomRole]) -> bool | None:
    """Return whether users of a role act for one tenant; None where there is no such role."""
    if role in roles:
        return roles[role].of_tenants
    return role in OF_TENANTS if role in tuple(SHIPPED_ROLES) else None


def read_email(text: str) -> str:
    """Return an address in small letters. Raises ValueError for what is none."""
    email = text.strip().lower()
    if len(email) > EMAIL_MOST or not email.isprintable() or not _EMAIL.fullmatch(email):
        raise ValueError(f"{text[:60]!r} is no mail address: expected one such as ann@acme.example")
    return email

"""Make, change and delete roles of a site's own; the shipped ones stay as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pbxbilling.accounts.records import Act
from pbxbilling.identity.people.manage_users import KEY
from pbxbilling.identity.people.user import CustomRole, RoleDeleted
from pbxbilling.identity.permissions import (
    OF_A_TOKEN,
    OF_TENANTS,
    SHIPPED_ROLES,
    Permission,
    Role,
)
from pbxbilling.identity.ports import IdentityRecords, IdentityStore, IdentityTransaction
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.ports import Clock
from pbxbilling.kernel.records import any_version

_CREATED: Final = Act(AuditEvent.ROLE_CREATED, "role add")
_UPDATED: Final = Act(AuditEvent.ROLE_UPDATED, "role change")
_DELETED: Final = Act(AuditEvent.ROLE_DELETED, "role delete")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")

OF_TENANTS_MOST: Final = SHIPPED_ROLES[Role.TENANT_ADMIN]
OF_OPERATORS_MOST: Final = OF_A_TOKEN - {Permission.PAY}
"""What no role of a site's own has: who could make users and roles could give themselves all."""


@dataclass(frozen=True, slots=True)
class RoleView:
    """A role: what it may, and whether its users act for one tenant, and whether we ship it."""

    name: str
    permissions: tuple[Permission, ...]
    of_tenants: bool
    shipped: bool


class Roles:
    """The commands on roles. Raises StoreError where the database cannot serve."""

    def __init__(self, store: IdentityStore, records: IdentityRecords, clock: Clock) -> None:
        self._store = store
        self._records = records
        self._clock = clock

    async def all(self) -> list[RoleView]:
        """Return the shipped roles, then the site's own by name."""
        shipped = [
            RoleView(role.value, tuple(sorted(may)), role in OF_TENANTS, shipped=True)
            for role, may in SHIPPED_ROLES.items()
        ]
        own = await self._store.roles()
        return [*shipped, *(_view(own[name]) for name in sorted(own))]

    async def one(self, name: str) -> RoleView:
        """Return a role. Raises NotFoundError."""
        known = await self.all()
        found = next((role for role in known if role.name == name), None)
        if found is None:
            raise _unknown(name, [role.name for role in known])
        return found

    async def add(
        self, name: str, permissions: Sequence[str], actor: Actor, *, of_tenants: bool
    ) -> RoleView:
        """Make a role. Raises AdministrationError for what it cannot be."""
        if not _NAME.fullmatch(name):
            msg = f"role {name[:60]!r}: expected small letters, digits and _, a letter first"
            raise AdministrationError(msg)
        if name in tuple(SHIPPED_ROLES):
            raise AdministrationError(f"role {name} is shipped: choose another name for a copy")
        may, now = _checked(permissions, of_tenants=of_tenants), self._clock.now()
        role = CustomRole(name, may, of_tenants, now, actor.name)

        async def work(transaction: IdentityTransaction) -> None:
            if name in await transaction.identity_store.roles():
                raise AdministrationError(f"role {name} is there already: change it")
            row = _CREATED.on(f"role {name}", actor, now, None, _shown(role))
            await transaction.write([role, row])

        await self._records.transact(KEY, work)
        return _view(role)

    async def change(
        self,
        name: str,
        permissions: Sequence[str],
        actor: Actor,
        check: Callable[[RoleView], None] = any_version,
    ) -> RoleView:
        """Give a role other permissions, which its users have from their next request on.

        `check` raises where the role is not the one that the caller has seen.
        """
        now = self._clock.now()

        async def work(transaction: IdentityTransaction) -> CustomRole:
            before = _own(name, await transaction.identity_store.roles())
            check(_view(before))
            after = replace(before, permissions=_checked(permissions, of_tenants=before.of_tenants))
            if after != before:
                row = _UPDATED.on(f"role {name}", actor, now, _shown(before), _shown(after))
                await transaction.write([after, row])
            return after

        return _view(await self._records.transact(KEY, work))

    async def delete(
        self, name: str, actor: Actor, check: Callable[[RoleView], None] = any_version
    ) -> RoleView:
        """Delete a role. Raises AdministrationError with who has it; `check` as in `change`."""
        now = self._clock.now()

        async def work(transaction: IdentityTransaction) -> CustomRole:
            role = _own(name, await transaction.identity_store.roles())
            check(_view(role))
            having = [one for one in await transaction.identity_store.users() if one.role == name]
            if having:
                msg = f"{len(having)} users have role {name}, {having[0].email} first: give them"
                raise AdministrationError(f"{msg} another one before")
            row = _DELETED.on(f"role {name}", actor, now, _shown(role), None)
            await transaction.write([RoleDeleted(name), row])
            return role

        return _view(await self._records.transact(KEY, work))


def _own(name: str, roles: Mapping[str, CustomRole]) -> CustomRole:
    """Return a role of the site's own. Raises AdministrationError for a shipped one."""
    if name in tuple(SHIPPED_ROLES):
        raise AdministrationError(f"role {name} is shipped, and stays as it is: make a copy")
    if name not in roles:
        raise _unknown(name, [*SHIPPED_ROLES, *roles])
    return roles[name]


def _unknown(name: str, known: Iterable[str]) -> NotFoundError:
    return NotFoundError(f"no role {name!r}: {', '.join(known)}")


def _checked(permissions: Iterable[str], *, of_tenants: bool) -> frozenset[Permission]:
    """Return permissions that such a role can have. Raises AdministrationError."""
    allowed = OF_TENANTS_MOST if of_tenants else OF_OPERATORS_MOST
    names = {one.value: one for one in allowed}
    chosen = set()
    for text in permissions:
        if text not in names:
            whose = "tenants" if of_tenants else "operators"
            msg = f"permission {text!r}: a role of {whose} can have {', '.join(sorted(names))}"
            raise AdministrationError(msg)
        chosen.add(names[text])
    if not chosen:
        raise AdministrationError(f"no permission: expected some of {', '.join(sorted(names))}")
    return frozenset(chosen)


def _view(role: CustomRole) -> RoleView:
    return RoleView(role.name, tuple(sorted(role.permissions)), role.of_tenants, shipped=False)


def _shown(role: CustomRole) -> dict[str, Any]:
    return {"permissions": sorted(role.permissions), "of_tenants": role.of_tenants}

"""Add and change users; each change is audited."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pbxbilling.accounts.records import Act
from pbxbilling.accounts.terms.registry import Registry, require_tenant
from pbxbilling.identity.facts import UserChanged
from pbxbilling.identity.people.passwords import read_password
from pbxbilling.identity.people.user import CustomRole, User, is_for_a_tenant, read_email
from pbxbilling.identity.permissions import SHIPPED_ROLES
from pbxbilling.identity.ports import (
    IdentityRecords,
    IdentityStore,
    IdentityTransaction,
    PasswordHasher,
)
from pbxbilling.identity.tokens.token import new_ident
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock, EventSink

SET_PASSWORD = Act(AuditEvent.USER_PASSWORD, "user password")
_ADD = Act(AuditEvent.USER_CREATED, "user add")
_DISABLE = Act(AuditEvent.USER_DISABLED, "user disable")
_ENABLE = Act(AuditEvent.USER_ENABLED, "user enable")
KEY = "users"  # of the transactions on users and roles, which exclude one another


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to add; without a `password` nobody can log in until one is set."""

    email: str
    role: str
    tenant: str | None = None
    password: str | None = None


class Users:
    """The commands on users. Raises StoreError where the database cannot serve."""

    def __init__(
        self,
        store: IdentityStore,
        records: IdentityRecords,
        registry: Registry,
        hasher: PasswordHasher,
        clock: Clock,
        emit: EventSink,
    ) -> None:
        self._store = store
        self._records = records
        self._registry = registry
        self._hasher = hasher
        self._clock = clock
        self._emit = emit

    async def all(self, tenant: str | None = None) -> list[User]:
        """Return the users by their mail addresses; of one tenant, or (None) all."""
        if tenant is not None:
            require_tenant(self._registry, tenant)
        users = await self._store.users()
        return [one for one in users if tenant in (None, one.tenant)]

    async def add(self, new: NewUser, actor: Actor) -> User:
        """Add a user. Raises AdministrationError for what cannot be."""
        email = _said(read_email, new.email)
        _check_place(new.role, new.tenant, await self._store.roles(), self._registry)
        encoded = await self._encoded(new.password, email)
        now = self._clock.now()
        ident = new_ident(secrets.token_bytes)
        user = User(ident, email, new.role, new.tenant, encoded, now, now, actor.name)

        async def work(transaction: IdentityTransaction) -> Fact:
            if await transaction.identity_store.user_of(email) is not None:
                msg = f"{email} is a user already: `pbxbilling users` lists them"
                raise AdministrationError(msg)
            return await self._write(transaction, _ADD, None, user, actor)

        self._emit(await self._records.transact(KEY, work))
        return user

    async def set_password(
        self, email: str, password: str, actor: Actor, tenant: str | None = None
    ) -> User:
        """Set a user's password. With `tenant` they are there only if they are its own."""
        encoded, now = await self._encoded(password, email), self._clock.now()
        return await self.change(
            email,
            SET_PASSWORD,
            lambda user: replace(user, password=encoded, password_at=now),
            actor,
            tenant,
        )

    async def disable(self, email: str, actor: Actor, tenant: str | None = None) -> User:
        """Keep a user out, from now on; one who is out already stays as they are."""
        now = self._clock.now()
        return await self.change(
            email,
            _DISABLE,
            lambda user: replace(user, disabled_at=user.disabled_at or now),
            actor,
            tenant,
        )

    async def enable(self, email: str, actor: Actor, tenant: str | None = None) -> User:
        """Let a user in again."""
        return await self.change(
            email, _ENABLE, lambda user: replace(user, disabled_at=None), actor, tenant
        )

    async def _encoded(self, password: str | None, email: str) -> str:
        if password is None:
            return ""
        return await self._hasher.hash(_said(lambda text: read_password(text, email), password))

    async def change(
        self,
        email: str,
        act: Act | None,
        change: Callable[[User], User],
        actor: Actor,
        tenant: str | None = None,
    ) -> User:
        """Save what `change` makes of a user as they are by then, unless that is the same.

        With `tenant` they are there only if they are its own. Without an `act` nothing is audited.
        Whatever `change` raises leaves the user as they are.
        """

        async def work(transaction: IdentityTransaction) -> tuple[User, Fact | None]:
            before = await transaction.identity_store.user_of(email.strip().lower())
            if before is None or tenant not in (None, before.tenant):
                raise NotFoundError(f"no user {email!r}: `pbxbilling users` lists them")
            after = change(before)
            if after == before:
                return before, None
            if act is None:
                await transaction.write([after])
                return after, None
            return after, await self._write(transaction, act, before, after, actor)

        user, fact = await self._records.transact(KEY, work)
        if fact is not None:
            self._emit(fact)
        return user

    async def _write(
        self,
        transaction: IdentityTransaction,
        act: Act,
        before: User | None,
        after: User,
        actor: Actor,
    ) -> Fact:
        now = self._clock.now()
        fact = UserChanged(now, after.id, after.email, act.action, after.tenant, actor.name)
        shown = _shown(before) if before else None
        audit = act.on(f"user {after.email}", actor, now, shown, _shown(after), after.tenant)
        await transaction.write([after, audit], [fact])
        return fact


def _check_place(
    role: str, tenant: str | None, roles: dict[str, CustomRole], registry: Registry
) -> None:
    """Raise AdministrationError for a role that is none, and for a tenant that does not fit it."""
    is_for_one = is_for_a_tenant(role, roles)
    if is_for_one is None:
        names = ", ".join([*SHIPPED_ROLES, *roles])
        raise AdministrationError(f"role {role!r}: expected one of {names}")
    if is_for_one and tenant is None:
        raise AdministrationError(f"role {role} is for one tenant: name it (--tenant)")
    if not is_for_one and tenant is not None:
        msg = f"role {role} is for all tenants: leave {tenant} out, or choose tenant_admin"
        raise AdministrationError(msg)
    if tenant is not None:
        require_tenant(registry, tenant)


def _said(read: Any, text: str) -> str:
    """Return what `read` makes of a text; its ValueError becomes an AdministrationError."""
    try:
        return str(read(text))
    except ValueError as error:
        raise AdministrationError(str(error)) from None


def _shown(user: User) -> dict[str, Any]:
    """Return what the audit trail has of a user: no secret, and nothing made of one."""
    return {
        "email": user.email,
        "role": user.role,
        "tenant": user.tenant,
        "password_at": user.password_at.isoformat() if user.password else None,
        "second_factor": bool(user.totp),
        "disabled_at": user.disabled_at and user.disabled_at.isoformat(),
    }

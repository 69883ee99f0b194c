"""Add and change users; each change is audited."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pbxbilling.accounts.records import AuditRecord
from pbxbilling.accounts.terms.registry import Registry, require_tenant
from pbxbilling.identity.facts import UserChanged
from pbxbilling.identity.passwords import read_password
from pbxbilling.identity.permissions import SHIPPED_ROLES
from pbxbilling.identity.ports import (
    IdentityRecords,
    IdentityStore,
    IdentityTransaction,
    PasswordHasher,
)
from pbxbilling.identity.token import new_ident
from pbxbilling.identity.user import CustomRole, User, is_for_a_tenant, read_email
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock, EventSink

KEY = "users"  # of the transactions, which exclude one another


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

    async def all(self) -> list[User]:
        """Return all users by their mail addresses."""
        return await self._store.users()

    async def add(self, new: NewUser, actor: str) -> User:
        """Add a user. Raises AdministrationError for what cannot be."""
        email = _said(read_email, new.email)
        _check_place(new.role, new.tenant, await self._store.roles(), self._registry)
        encoded = await self._encoded(new.password, email)
        now = self._clock.now()
        ident = new_ident(secrets.token_bytes)
        user = User(ident, email, new.role, new.tenant, encoded, now, now, actor)

        async def work(transaction: IdentityTransaction) -> Fact:
            if await transaction.identity_store.user_of(email) is not None:
                msg = f"{email} is a user already: `pbxbilling users` lists them"
                raise AdministrationError(msg)
            return await self._write(transaction, "user add", None, user, actor)

        self._emit(await self._records.transact(KEY, work))
        return user

    async def set_password(self, email: str, password: str, actor: str) -> User:
        """Set a user's password."""
        encoded, now = await self._encoded(password, email), self._clock.now()
        return await self.change(
            email,
            "user password",
            lambda user: replace(user, password=encoded, password_at=now),
            actor,
        )

    async def disable(self, email: str, actor: str) -> User:
        """Keep a user out, from now on; one who is out already stays as they are."""
        now = self._clock.now()
        return await self.change(
            email,
            "user disable",
            lambda user: replace(user, disabled_at=user.disabled_at or now),
            actor,
        )

    async def enable(self, email: str, actor: str) -> User:
        """Let a user in again."""
        return await self.change(
            email, "user enable", lambda user: replace(user, disabled_at=None), actor
        )

    async def _encoded(self, password: str | None, email: str) -> str:
        if password is None:
            return ""
        return await self._hasher.hash(_said(lambda text: read_password(text, email), password))

    async def change(
        self,
        email: str,
        action: str,
        change: Callable[[User], User],
        actor: str,
        *,
        audited: bool = True,
    ) -> User:
        """Save what `change` makes of a user as they are by then, unless that is the same.

        Whatever `change` raises leaves the user as they are.
        """

        async def work(transaction: IdentityTransaction) -> tuple[User, Fact | None]:
            before = await transaction.identity_store.user_of(email.strip().lower())
            if before is None:
                raise NotFoundError(f"no user {email!r}: `pbxbilling users` lists them")
            after = change(before)
            if after == before:
                return before, None
            if not audited:
                await transaction.write([after])
                return after, None
            return after, await self._write(transaction, action, before, after, actor)

        user, fact = await self._records.transact(KEY, work)
        if fact is not None:
            self._emit(fact)
        return user

    async def _write(
        self,
        transaction: IdentityTransaction,
        action: str,
        before: User | None,
        after: User,
        actor: str,
    ) -> Fact:
        now = self._clock.now()
        fact = UserChanged(now, after.id, after.email, action, after.tenant, actor)
        shown = _shown(before) if before else None
        audit = AuditRecord(now, actor, action, f"user {after.email}", shown, _shown(after))
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

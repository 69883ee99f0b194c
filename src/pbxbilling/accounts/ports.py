"""What accounts need from outside: their store, and the reasons why a tenant is blocked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin
from pbxbilling.accounts.records import Accounts, AuditQuery, AuditRecord, AuditRow
from pbxbilling.accounts.terms.status import Blocker
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.ports import RecordStore, Transaction

T = TypeVar("T")


class AccountTransaction(Transaction, Protocol):
    """A transaction that changes accounts, or anything that is decided by reading them."""

    async def next_version(self) -> int:
        """Take the next version of the accounts, for this transaction, and return it.

        Each such transaction takes one, so a gap between two says that another was in between.
        """
        ...


class AccountStore(RecordStore, Protocol):
    """Stores plans and tenants, the origins of their keys, and the audit trail."""

    async def accounts(self) -> Accounts:
        """Return all plans and tenants, with their version."""
        ...

    async def transact(self, key: str, work: Callable[[AccountTransaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction that knows the version of the accounts."""
        ...

    async def key_origins(self, kind: AccountKind, slug: str) -> list[KeyOrigin]:
        """Return the origins of a plan's or tenant's keys, by key; the file set all others."""
        ...

    async def keys_not_by_file(self) -> list[KeyOrigin]:
        """Return the origins of all keys of plans and tenants that a file did not set last."""
        ...

    async def audit(self, *, subject: str | None = None, limit: int = 1000) -> list[AuditRecord]:
        """Return rows of the audit trail, newest first."""
        ...

    async def audit_trail(self, wanted: AuditQuery) -> list[AuditRow]:
        """Return the rows that are wanted, the newest first."""
        ...


class Blocks(Protocol):
    """Finds what blocks a tenant, a used-up allowance included."""

    async def holds(self, tenant: Tenant) -> Mapping[Blocker, str]:
        """Return each blocker of the tenant, with the reason."""
        ...

"""What accounts need from outside: the store, and whoever knows what a tenant has used up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin
from pbxbilling.accounts.records import Accounts, AuditRecord
from pbxbilling.accounts.terms.status import Blocker
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.ports import RecordStore


class AccountStore(RecordStore, Protocol):
    """Keeps plans and tenants, who set their keys, and the audit trail."""

    async def accounts(self) -> Accounts:
        """All plans and tenants."""
        ...

    async def key_origins(self, kind: AccountKind, slug: str) -> list[KeyOrigin]:
        """Who set the keys of a plan or tenant last, by key; of those without one, the file."""
        ...

    async def keys_not_by_file(self) -> list[KeyOrigin]:
        """The keys of all plans and tenants that another than the file set last."""
        ...

    async def audit(self, *, subject: str | None = None, limit: int = 1000) -> list[AuditRecord]:
        """The audit trail, newest first."""
        ...


class Blocks(Protocol):
    """Whoever knows what blocks a tenant, a used-up allowance too."""

    async def holds(self, tenant: Tenant) -> Mapping[Blocker, str]:
        """Who holds the tenant blocked, and why."""
        ...

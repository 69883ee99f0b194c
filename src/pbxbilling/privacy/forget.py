"""Forget a tenant: remove names, addresses, contacts and numbers; what it was billed stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from pbxbilling.accounts.apply import TenantChange
from pbxbilling.accounts.terms.registry import require_tenant
from pbxbilling.accounts.terms.status import LEFT
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.billing.periods import cursor_of
from pbxbilling.calls.ports import CallStore, LiveView
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.ports import Cursors
from pbxbilling.privacy.ports import RetentionStore
from pbxbilling.privacy.purge import Purge
from pbxbilling.subscriptions.ports import SubscriptionStore

ACTION = "tenant forget"
PERSONAL = (
    "name", "email", "address", "contacts", "vat_id", "accountcodes", "dids", "contexts",
)  # fmt: skip
_UNSET: Mapping[str, Any] = {f.name: f.default for f in fields(Tenant) if f.name in PERSONAL}


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A forgotten tenant: in how many `rows` numbers were cut, and `notes` on what remains."""

    tenant: str
    rows: int
    notes: tuple[str, ...]


class Forgetter:
    """Forgets tenants; repeating the command continues one that was interrupted.

    Raises StoreError, and AdministrationError where data of the tenant is still needed.
    """

    def __init__(
        self,
        retention_store: RetentionStore,
        store: CallStore,
        subscription_store: SubscriptionStore,
        cursors: Cursors,
        writer: AccountWriter,
        purge: Purge,
        live: LiveView | None = None,
    ) -> None:
        """Take `live` as the live calls; None where no daemon runs."""
        self._retention_store = retention_store
        self._store = store
        self._subscription_store = subscription_store
        self._cursors = cursors
        self._writer = writer
        self._purge = purge
        self._live = live

    @again_if_stale
    async def forget(self, slug: str, actor: Actor) -> Forgotten:
        """Forget a tenant that has left, has no live calls, and is billed to its end."""
        async with self._writer.alone:
            tenant = require_tenant(self._writer.registry, slug)
            await self._check(tenant)
            blank = replace(tenant, **_UNSET)
            forgotten = [TenantChange(tenant, blank)]
            event = AuditEvent.TENANT_FORGOTTEN
            await self._writer.write(ACTION, forgotten, actor, event=event)
            await self._forget_customers(slug, actor)
        await self._retention_store.forget_people(slug, self._writer.now())
        await self._retention_store.redact(f"tenant {slug}", PERSONAL)
        return Forgotten(slug, await self._purge.cut_numbers_of(slug), _notes(slug))

    async def _check(self, tenant: Tenant) -> None:
        slug = tenant.slug
        if tenant.status not in LEFT:
            msg = (
                f"{slug} is {tenant.status}: cancel its subscription, or `apply` it with"
                ' status = "cancelled", before it is forgotten'
            )
            raise AdministrationError(msg)
        running = [
            one
            for one in await self._subscription_store.subscriptions(tenant=slug)
            if not one.is_over
        ]
        if running:
            msg = (
                f"{slug} has subscription {running[0].id}: `subscription cancel {slug} --now` first"
            )
            raise AdministrationError(msg)
        if await self._has_calls(slug):
            msg = f"{slug} has live calls (`calls --tenant {slug}`): wait until they are over"
            raise AdministrationError(msg)
        await self._check_billed(tenant)

    async def _has_calls(self, slug: str) -> bool:
        if self._live is not None and any(self._live.calls(slug)):
            return True
        return any(one.tenant == slug for one in await self._store.open_calls())

    async def _check_billed(self, tenant: Tenant) -> None:
        slug = tenant.slug
        billed, ended = await self._cursors.cursor(cursor_of(slug)), tenant.status_since
        if billed is not None and ended is not None and billed <= ended:
            msg = (
                f"the last period of {slug} is not closed: wait for its statement, which needs name"
                " and address"
            )
            raise AdministrationError(msg)
        if needed := await self._retention_store.needed(slug):
            msg = (
                f"{needed} calls of {slug} are on no final statement yet: wait for it, since it"
                " shows their numbers"
            )
            raise AdministrationError(msg)

    async def _forget_customers(self, slug: str, actor: Actor) -> None:
        subscriptions = await self._subscription_store.subscriptions(tenant=slug)
        idents = {one.customer for one in subscriptions}
        tenant = self._writer.registry.tenants[slug]
        found = [
            await self._subscription_store.customer(one) for one in idents | {tenant.customer or ""}
        ]
        blank = [replace(one, email="") for one in found if one is not None]
        await self._writer.write(ACTION, (), actor, blank)


def _notes(slug: str) -> tuple[str, ...]:
    return (
        f"statements of {slug} keep its name, address and calls: they are accounting documents",
        "an accounts file that still names its contacts brings them back with the next `apply`",
        "delete copies of the database, Asterisk's files and the gateway's customer yourself",
    )

"""Find who pays for usage, and whether it can still come onto an invoice of theirs."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Protocol

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Status
from pbxbilling.calls.metering.usage_event import MeterEvent
from pbxbilling.subscriptions.ports import SubscriptionStore
from pbxbilling.subscriptions.subscription import Subscription


class Reach(Enum):
    """Where usage goes that is sent now."""

    INVOICE = "invoice"  # on the next invoice, as far as is known
    LAST_INVOICE = "last_invoice"  # onto the last one of a subscription that is over, or nowhere
    NOWHERE = "nowhere"  # it ended when no subscription was running


class Payers(Protocol):
    """The customers that usage is charged to. Raises StoreError."""

    def customer(self, tenant: str) -> str | None:
        """Return a tenant's customer at the gateway; None: it is not one yet."""
        ...

    async def reach(self, event: MeterEvent, customer: str) -> Reach:
        """Return where it goes for the gateway's `customer`."""
        ...


class TenantPayers:
    """Knows tenants and their subscriptions.

    Reads mirrors of subscriptions only for tenants whose status has changed meanwhile.
    """

    def __init__(
        self, registry: Registry, subscription_store: SubscriptionStore, *, live: bool
    ) -> None:
        """`live` is the mode of our key: usage goes to no subscription of the other mode."""
        self._registry = registry
        self._subscription_store = subscription_store
        self._live = live

    def customer(self, tenant: str) -> str | None:
        """Return a tenant's customer at the gateway; None: it is not one yet."""
        known = self._registry.tenants.get(tenant)
        return known.customer if known is not None else None

    async def reach(self, event: MeterEvent, customer: str) -> Reach:
        """Return where it goes for the gateway's `customer`."""
        tenant = self._registry.tenants.get(event.tenant)
        if tenant is not None and tenant.status is not Status.CANCELLED:
            since = tenant.status_since
            if since is None or since <= event.ended_at:
                return Reach.INVOICE
        known = await self._subscription_store.subscriptions(tenant=event.tenant)
        return reach(
            event, [one for one in known if one.customer == customer and one.live is self._live]
        )


def reach(event: MeterEvent, subscriptions: Iterable[Subscription]) -> Reach:
    """Return where a leg's usage goes, by all subscriptions of its customer.

    A customer of whom no subscription is known, or none that began before the leg ended, is left
    to the gateway: its first one may count it.
    """
    begun = [one for one in subscriptions if one.created_at <= event.ended_at]
    if not begun or any(not one.is_over for one in begun):
        return Reach.INVOICE
    if any(event.ended_at <= (one.ends_at or one.as_of) for one in begun):
        return Reach.LAST_INVOICE
    return Reach.NOWHERE

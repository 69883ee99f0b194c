"""What a tenant has, uses and will pay, in one answer."""

from __future__ import annotations

from dataclasses import dataclass

from pbxbilling.billing.statements.issue import Issued, Statements
from pbxbilling.calls.usage import CallUsage
from pbxbilling.calls.usage_report import UsageReport
from pbxbilling.subscriptions.ports import SubscriptionStore
from pbxbilling.subscriptions.subscription import Invoice, Subscription, leading

INVOICES = 12


@dataclass(frozen=True, slots=True)
class BillingOverview:
    """A tenant's leading subscription (None: none), newest invoices, usage and preview of now."""

    subscription: Subscription | None
    invoices: tuple[Invoice, ...]
    usage: UsageReport
    upcoming: Issued


class Overview:
    """Gathers overviews, from mirrors and the preview of the statement. Raises StoreError."""

    def __init__(
        self, subscription_store: SubscriptionStore, statements: Statements, usage: CallUsage
    ) -> None:
        self._subscription_store = subscription_store
        self._statements = statements
        self._usage = usage

    async def of(self, slug: str) -> BillingOverview:
        """Return that of a tenant. Raises NotFoundError."""
        self._statements.tenant(slug)
        known = await self._subscription_store.subscriptions(tenant=slug)
        invoices = await self._subscription_store.invoices(tenant=slug, limit=INVOICES)
        (usage,) = await self._usage.report(slug, None)
        upcoming = await self._statements.preview(slug)
        return BillingOverview(leading(known), tuple(invoices), usage, upcoming)

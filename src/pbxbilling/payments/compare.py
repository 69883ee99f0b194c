"""Compare statements with meter events: does the gateway charge tenants for the same minutes?"""

from __future__ import annotations

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.usage_collection import CollectionMethod
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.records import SavedStatement
from pbxbilling.payments.ports import MeteredMinutes
from pbxbilling.payments.usage_check import MeteredPeriod, compared


class Comparison:
    """Compares the closed periods of tenants, one after another. Raises StoreError."""

    def __init__(
        self, registry: Registry, statement_store: StatementStore, events: MeteredMinutes
    ) -> None:
        self._registry = registry
        self._statement_store = statement_store
        self._events = events

    async def periods(self, month: str) -> list[MeteredPeriod]:
        """Return the comparison of each closed period of a month, by tenant."""
        known = await self._statement_store.statements(month=month, documents=False)
        return [await self._period(one) for one in known if one.is_final]

    async def _period(self, final: SavedStatement) -> MeteredPeriod:
        slug, tenant = final.tenant, self._registry.tenants.get(final.tenant)
        way = (
            tenant.usage_collection.at(final.begins)
            if tenant and not tenant.demo
            else CollectionMethod.NONE
        )
        return compared(
            slug,
            final.month,
            await self._statement_store.billed(slug, of_month=final.month),
            await self._events.minutes(slug, final.begins, final.ends),
            metered=way is CollectionMethod.METER_EVENTS,
        )

"""Statements beside meter events: whether the gateway charges tenants for the same minutes."""

from __future__ import annotations

from pbxbilling.accounts.terms.registry import AccountBook
from pbxbilling.accounts.terms.usage_collection import Charges
from pbxbilling.billing.ports import Bills
from pbxbilling.billing.records import SavedStatement
from pbxbilling.payments.ports import MeteredMinutes
from pbxbilling.payments.usage_check import MeteredPeriod, compared


class Comparison:
    """Compares closed periods, one tenant after another. Raises StoreError."""

    def __init__(self, book: AccountBook, bills: Bills, events: MeteredMinutes) -> None:
        self._book = book
        self._bills = bills
        self._events = events

    async def periods(self, month: str) -> list[MeteredPeriod]:
        """The closed periods of that name, by tenant."""
        known = await self._bills.statements(month=month, documents=False)
        return [await self._period(one) for one in known if one.is_final]

    async def _period(self, final: SavedStatement) -> MeteredPeriod:
        slug, tenant = final.tenant, self._book.tenants.get(final.tenant)
        way = tenant.charging.at(final.begins) if tenant and not tenant.demo else Charges.NONE
        return compared(
            slug,
            final.month,
            await self._bills.billed(slug, of_month=final.month),
            await self._events.minutes(slug, final.begins, final.ends),
            metered=way is Charges.METER_EVENTS,
        )

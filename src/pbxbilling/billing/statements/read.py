"""Read what statements are made from: the only part of their way that asks the stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.periods import first_begin
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.records import SavedStatement
from pbxbilling.billing.statements.material import (
    ChangedPeriod,
    Material,
    changed_periods,
)
from pbxbilling.billing.statements.open_periods import OpenPeriods, open_periods
from pbxbilling.kernel.period import Period
from pbxbilling.kernel.ports import Clock, Cursors
from pbxbilling.subscriptions.ports import SubscriptionStore

LATE_UNTIL = timedelta(days=366)  # after a period's end; legs that arrive later are not billed


def cursor_of(tenant: str) -> str:
    """Return the name of the cursor that says until when a tenant is billed."""
    return f"billed until: {tenant}"


class StatementReader:
    """Reads periods, and the material of their statements. Raises StoreError."""

    def __init__(
        self,
        statement_store: StatementStore,
        subscription_store: SubscriptionStore,
        cursors: Cursors,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._statement_store = statement_store
        self._subscription_store = subscription_store
        self._cursors = cursors
        self._registry = registry
        self._clock = clock

    async def begin_of(self, tenant: Tenant) -> tuple[OpenPeriods, bool]:
        """Return the open periods by the clock alone, and whether their begin is saved."""
        begins = await self._cursors.cursor(cursor_of(tenant.slug))
        return await self._periods(tenant, begins, ()), begins is not None

    async def open_periods(self, tenant: Tenant) -> OpenPeriods:
        """Return the open periods of a tenant; the current one if billing has not begun."""
        slug, cursor = tenant.slug, cursor_of(tenant.slug)
        known = await self._statement_store.statements(tenant=slug, documents=False)
        return await self._periods(tenant, await self._cursors.cursor(cursor), known)

    async def _periods(
        self, tenant: Tenant, begins: datetime | None, saved: Sequence[SavedStatement]
    ) -> OpenPeriods:
        subscription, cycles = None, []
        if tenant.subscription is not None and not tenant.demo:
            subscription = await self._subscription_store.subscription(tenant.subscription)
        if subscription is not None:
            cycles = await self._subscription_store.cycles(tenant.slug)
        now = self._clock.now()
        begins = begins or first_begin(tenant, subscription, now)
        return open_periods(tenant, subscription, cycles, begins, now, saved)

    async def material(self, periods: OpenPeriods, period: Period) -> Material:
        """Read all that the statement of a period is made from.

        On the first open period go the legs and lines of earlier ones that became known late.
        """
        slug, begins, ends = periods.tenant.slug, period.begins, period.ends
        material = Material(
            periods,
            period,
            self._registry.plans,
            await self._statement_store.plan_switches(slug, begins),
            await self._statement_store.legs_between(slug, begins, ends),
            await self._statement_store.one_offs(slug),
            await self._statement_store.units_between(slug, begins, ends),
        )
        return await self._with_changes(material) if material.is_next else material

    async def _with_changes(self, material: Material) -> Material:
        """Add the closed periods that differ from what was billed; usually there are none."""
        slug, begins = material.periods.tenant.slug, material.period.begins
        closed = [one for one in material.periods.finals if one.ends > begins - LATE_UNTIL]
        if not closed:
            return material
        late = await self._statement_store.late_legs(slug, closed[0].begins, begins)
        keys = [leg.key for leg in (*late, *material.legs)]
        known = await self._statement_store.billed_copies(keys)
        changed = changed_periods(closed, late, known)
        return replace(material, changed=[await self._whole(one) for one in changed])

    async def _whole(self, changed: ChangedPeriod) -> ChangedPeriod:
        """Add the document of its final statement, and the copies of its legs."""
        slug, month = changed.final.tenant, changed.final.month
        known = await self._statement_store.statements(tenant=slug, month=month)
        (final,) = (one for one in known if one.is_final)
        copies = await self._statement_store.billed(slug, of_month=month)
        return replace(changed, final=final, copies=sorted(copies, key=lambda one: one.month))

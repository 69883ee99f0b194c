"""Read what statements are made from: the only part of their way that asks the stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pbxbilling.accounts.history import changes_of
from pbxbilling.accounts.records import TermsChanged
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.history import NO_HISTORY, History
from pbxbilling.billing.periods import cursor_of, first_begin
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.rating.price_schedule import PriceSchedule, conditions
from pbxbilling.billing.statements.material import (
    ChangedPeriod,
    Material,
    changed_periods,
)
from pbxbilling.billing.statements.open_periods import OpenPeriods, open_periods
from pbxbilling.kernel.period import Period
from pbxbilling.kernel.ports import Clock, Cursors
from pbxbilling.subscriptions.ports import SubscriptionStore

_EVER = datetime.min.replace(tzinfo=UTC)
_LONGEST_CYCLE = timedelta(days=367)
LATE_UNTIL = timedelta(days=366)  # after a period's end; legs that arrive later are not billed


class StatementReader:
    """Reads periods, and the material of their statements. Raises StoreError."""

    def __init__(
        self,
        statement_store: StatementStore,
        subscription_store: SubscriptionStore,
        cursors: Cursors,
        in_force: InForce,
        clock: Clock,
    ) -> None:
        self._statement_store = statement_store
        self._subscription_store = subscription_store
        self._cursors = cursors
        self._in_force = in_force
        self._clock = clock

    async def begins_of(self, tenants: Iterable[Tenant]) -> AsyncIterator[tuple[OpenPeriods, bool]]:
        """Yield the open periods of each by the clock alone, and whether their begin is saved."""
        every = list(tenants)
        saved = await self._cursors.cursors_of([cursor_of(tenant.slug) for tenant in every])
        for tenant in every:
            begins = saved.get(cursor_of(tenant.slug))
            history = await self._subscribed(tenant, ())
            since = begins or self._first(tenant, history)
            found = open_periods(tenant, since, self._clock.now(), history=history)
            yield found, begins is not None

    async def open_periods(self, tenant: Tenant) -> OpenPeriods:
        """Return the open periods of a tenant; the current one if billing has not begun."""
        slug, now = tenant.slug, self._clock.now()
        saved = await self._statement_store.statements(tenant=slug, documents=False)
        begins = await self._cursors.cursor(cursor_of(slug))
        since = (begins or tenant.added_at or now) - _LONGEST_CYCLE
        changes = await self._statement_store.terms_changes(slug, since)
        history = await self._subscribed(tenant, changes)
        switches = await self._statement_store.plan_switches(slug, _EVER)
        history = replace(history, changes=changes, switches=switches)
        begins = begins or self._first(tenant, history)
        return open_periods(tenant, begins, now, saved, history, self._in_force.registry.plans)

    async def _subscribed(self, tenant: Tenant, changes: Sequence[TermsChanged]) -> History:
        """Return the subscriptions that led the tenant, in order, and their cycles."""
        own = [change.before for change in changes_of(tenant, changes)]
        led = [before["subscription"] for before in own if "subscription" in before]
        known = [
            await self._subscription_store.subscription(ident)
            for ident in dict.fromkeys((*led, tenant.subscription))
            if ident is not None
        ]
        subscriptions = [one for one in known if one is not None]
        if not subscriptions:
            return NO_HISTORY
        cycles = await self._subscription_store.cycles(tenant.slug)
        return History(subscriptions=subscriptions, cycles=cycles)

    def _first(self, tenant: Tenant, history: History) -> datetime:
        """Return where billing begins: with the period in which the tenant was added."""
        at = tenant.added_at or self._clock.now()
        return first_begin(tenant, None if tenant.demo else history.lead_at(at), at)

    async def material(self, periods: OpenPeriods, period: Period) -> Material:
        """Read all that the statement of a period is made from.

        On the first open period go the legs and lines of earlier ones that became known late.
        """
        slug, begins, ends = periods.tenant.slug, period.begins, period.ends
        material = Material(
            periods,
            period,
            self._in_force.registry.plans,
            await self._statement_store.legs_between(slug, begins, ends),
            await self._statement_store.one_offs(slug),
            await self._statement_store.units_between(slug, begins, ends),
            emergency_charged=self._in_force.policy.emergency_charged,
        )
        if not material.is_next:
            return material
        return replace(material, changed=await self.changed(periods))

    async def changed(self, periods: OpenPeriods) -> list[ChangedPeriod]:
        """Return the closed periods that differ from what was billed; usually there are none."""
        slug, begins, ends = periods.tenant.slug, periods.first.begins, periods.first.ends
        closed = [one for one in periods.finals if one.ends > begins - LATE_UNTIL]
        if not closed:
            return []
        late = await self._statement_store.late_legs(slug, closed[0].begins, begins)
        copies = [
            *await self._statement_store.billed_copies([leg.key for leg in late]),
            *await self._statement_store.billed_before(slug, begins, ends),
        ]
        changed = changed_periods(closed, late, copies)
        return [await self._whole(one) for one in changed]

    def schedule(self, periods: OpenPeriods, period: Period) -> PriceSchedule:
        """Return the prices of a period: what was in force in it, whatever is now."""
        return conditions(
            periods.tenant,
            period,
            periods.history,
            self._in_force.registry.plans,
            periods.began,
            emergency_charged=self._in_force.policy.emergency_charged,
        )

    async def _whole(self, changed: ChangedPeriod) -> ChangedPeriod:
        """Add the document of its final statement, and the copies of its legs."""
        slug, month = changed.final.tenant, changed.final.month
        known = await self._statement_store.statements(tenant=slug, month=month)
        (final,) = (one for one in known if one.is_final)
        copies = await self._statement_store.billed(slug, of_month=month)
        return replace(changed, final=final, copies=sorted(copies, key=lambda one: one.month))

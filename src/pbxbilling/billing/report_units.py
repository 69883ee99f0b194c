"""Report the units that other programs have sent, by meter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pbxbilling.accounts.terms.registry import Registry, require_tenant
from pbxbilling.billing.ports import StatementStore
from pbxbilling.kernel.ports import Clock


@dataclass(frozen=True, slots=True)
class MeterUnits:
    """The units of one meter; `name` is what statements call it, "" where the plan lacks it."""

    meter: str
    name: str
    units: int


@dataclass(frozen=True, slots=True)
class UnitReport:
    """A tenant's units in the period that begins in a month, by meter."""

    tenant: str
    month: str
    begins_at: datetime
    ends_at: datetime
    meters: tuple[MeterUnits, ...]


class UnitReports:
    """Makes the reports. Raises StoreError where the database cannot serve."""

    def __init__(self, statement_store: StatementStore, registry: Registry, clock: Clock) -> None:
        self._statement_store = statement_store
        self._registry = registry
        self._clock = clock

    async def of(self, slug: str, month: str | None) -> UnitReport:
        """Return a tenant's report; of the current period where `month` is None.

        It has every meter of the tenant's plan, and those besides that have units.
        """
        tenant = require_tenant(self._registry, slug)
        period = tenant.period_of(month) if month else tenant.period_at(self._clock.now())
        used = await self._statement_store.units_between(slug, period.begins, period.ends)
        terms = self._registry.terms(slug)
        names = {one.meter: one.rate.text for one in terms.plan.meters} if terms else {}
        meters = sorted(names.keys() | used.keys())
        return UnitReport(
            slug,
            period.month,
            period.begins,
            period.ends,
            tuple(MeterUnits(one, names.get(one, ""), used.get(one, 0)) for one in meters),
        )

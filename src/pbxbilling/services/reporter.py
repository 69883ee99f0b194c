"""Tenants as they stand at this moment, whether a daemon runs and counts, or none does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from pbxbilling.domain.book import AccountBook
from pbxbilling.domain.codes import Mode
from pbxbilling.domain.policy import Policy
from pbxbilling.domain.tenant import Tenant
from pbxbilling.ports import Clock, Store
from pbxbilling.services.apart import Rest, in_parts
from pbxbilling.services.holds import Holds, holds_at
from pbxbilling.services.report import TenantReport, tenant_report
from pbxbilling.services.views import Live


class TenantReporter:
    """Joins accounts, load and used-up allowances. Raises StoreError where no daemon counts."""

    def __init__(
        self,
        store: Store,
        book: AccountBook,
        clock: Clock,
        policy: Callable[[], Policy],
        live: Live | None,
        rest: Rest,
    ) -> None:
        self._store = store
        self._book = book
        self._clock = clock
        self._policy = policy
        self._live = live
        self._rest = rest

    def mode_of(self, tenant: Tenant) -> Mode:
        """The mode that the tenant's calls are judged in."""
        return tenant.mode or self._policy().mode

    async def every(self) -> list[TenantReport]:
        """All tenants by slug."""
        tenants = [tenant for _, tenant in sorted(self._book.tenants.items())]
        drawn_s = await self._drawn_s(*tenants)
        reports = (self._report(tenant, self._holds(tenant, drawn_s)) for tenant in tenants)
        return await in_parts(reports, self._rest)

    async def report(self, tenant: Tenant) -> TenantReport:
        """One tenant, as it would be if it were this one."""
        return self._report(tenant, await self.holds(tenant))

    async def holds(self, tenant: Tenant) -> Holds:
        """Who holds the tenant blocked, and why."""
        return self._holds(tenant, await self._drawn_s(tenant))

    def _report(self, tenant: Tenant, holds: Holds) -> TenantReport:
        load = self._live.load(tenant.slug) if self._live is not None else None
        status = tenant.standing_at(self._clock.now(), self._policy().grace_days)
        terms = self._book.terms(tenant.slug)
        return tenant_report(tenant, terms, self.mode_of(tenant), load, status, holds)

    def _holds(self, tenant: Tenant, drawn_s: Mapping[str, int]) -> Holds:
        terms = self._book.terms(tenant.slug)
        if self._live is not None:
            left_s = self._live.allowance_left_s(tenant.slug)
        else:
            left_s = terms.plan.hard_allowance_s if terms is not None else None
            if left_s is not None:
                left_s -= drawn_s.get(tenant.slug, 0)
        return holds_at(tenant, terms, self._clock.now(), self._policy().grace_days, left_s)

    async def _drawn_s(self, *tenants: Tenant) -> Mapping[str, int]:
        """Seconds drawn of each one's allowance in its period of this moment.

        Nothing where a daemon meters: that knows the live legs too.
        """
        drawn: Counter[str] = Counter()
        if self._live is not None:
            return drawn
        now = self._clock.now()
        months = {tenant.slug: tenant.period_at(now).month for tenant in tenants}
        one = tenants[0].slug if len(tenants) == 1 else None
        for month in set(months.values()):
            for row in await self._store.usage(tenant=one, month=month):
                if row.tenant is not None and months.get(row.tenant) == month:
                    drawn[row.tenant] += row.allowance_s
        return drawn

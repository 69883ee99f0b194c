"""Report tenants with load and blocks at this moment, with a running daemon or without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pbxbilling.accounts.terms.blocks import BlockReasons, block_reasons
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import Terms, slugs_after
from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.live.load import Load
from pbxbilling.calls.ports import CallStore, LiveView
from pbxbilling.catalog.plan import Limits
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.ports import Clock
from pbxbilling.runtime.background import Rest, in_parts


@dataclass(frozen=True, slots=True)
class TenantReport:
    """One tenant: status, mode that applies, load. The load is None where no daemon runs.

    A plan that is not `plan_active` stays until renewal. `status` and `blocks` are those of the
    moment, booked or not; `block_reasons` has a sentence for each block.
    """

    tenant: str
    plan: str
    plan_active: bool
    status: Status
    mode: Mode
    calls: int | None
    max_calls: int | None
    trunk_legs: int | None
    extensions: int
    subscription: str | None
    renews_at: datetime | None
    blocks: tuple[Blocker, ...]
    block_reasons: BlockReasons


def tenant_report(
    tenant: Tenant,
    terms: Terms | None,
    mode: Mode,
    load: Load | None,
    status: Status,
    holds: BlockReasons,
) -> TenantReport:
    """Build the report of a tenant, judged in `mode`. `terms` is None where its plan is unknown."""
    limits = terms.limits if terms else Limits()
    count_internal = terms.plan.count_internal if terms else False
    return TenantReport(
        tenant=tenant.slug,
        plan=tenant.plan,
        plan_active=terms is not None and terms.plan.active,
        status=status,
        mode=mode,
        calls=load.calls(count_internal=count_internal) if load else None,
        max_calls=limits.max_calls,
        trunk_legs=load.trunk_legs if load else None,
        extensions=tenant.extensions,
        subscription=tenant.subscription,
        renews_at=tenant.renews_at,
        blocks=tuple(holds),
        block_reasons=holds,
    )


class TenantReporter:
    """Combines accounts, load and used allowances into reports.

    Without a running daemon it reads the store: then raises StoreError where that cannot serve.
    """

    def __init__(
        self,
        store: CallStore,
        in_force: InForce,
        clock: Clock,
        live: LiveView | None,
        rest: Rest,
    ) -> None:
        self._store = store
        self._in_force = in_force
        self._registry = in_force.registry
        self._clock = clock
        self._live = live
        self._rest = rest

    async def some(self, after: str | None, limit: int) -> list[TenantReport]:
        """Return the reports of tenants by slug: so many after a slug, or (None) the first."""
        known = self._registry.tenants
        tenants = [known[slug] for slug in slugs_after(known, after, limit)]
        drawn_s = await self._drawn_s(*tenants)
        reports = (self._report(tenant, self._holds(tenant, drawn_s)) for tenant in tenants)
        return await in_parts(reports, self._rest)

    async def report(self, tenant: Tenant) -> TenantReport:
        """Return the report of a tenant with these values, saved or not."""
        return self._report(tenant, await self.holds(tenant))

    async def holds(self, tenant: Tenant) -> BlockReasons:
        """Return who blocks the tenant, and why."""
        return self._holds(tenant, await self._drawn_s(tenant))

    def _report(self, tenant: Tenant, holds: BlockReasons) -> TenantReport:
        load = self._live.load(tenant.slug) if self._live is not None else None
        status = tenant.status_shown_at(self._clock.now(), self._in_force.grace_days)
        terms = self._registry.terms(tenant.slug)
        mode = tenant.mode or self._in_force.policy.mode
        return tenant_report(tenant, terms, mode, load, status, holds)

    def _holds(self, tenant: Tenant, drawn_s: Mapping[str, int]) -> BlockReasons:
        terms = self._registry.terms(tenant.slug)
        if self._live is not None:
            left_s = self._live.allowance_left_s(tenant.slug)
        else:
            left_s = terms.plan.hard_allowance_s if terms is not None else None
            if left_s is not None:
                left_s -= drawn_s.get(tenant.slug, 0)
        return block_reasons(tenant, terms, self._clock.now(), self._in_force.grace_days, left_s)

    async def _drawn_s(self, *tenants: Tenant) -> Mapping[str, int]:
        """Return the seconds drawn of each tenant's allowance in its current period.

        Empty where a daemon runs: its meter also knows the live legs.
        """
        drawn: Counter[str] = Counter()
        if self._live is not None:
            return drawn
        now = self._clock.now()
        # To add up usage takes long; it matters for an allowance that can be used up.
        months = {
            tenant.slug: tenant.period_at(now).month
            for tenant in tenants
            if (terms := self._registry.terms(tenant.slug)) is not None
            and terms.plan.hard_allowance_s is not None
        }
        for month in set(months.values()):
            for row in await self._store.usage(month=month, among=list(months)):
                if row.tenant is not None and months.get(row.tenant) == month:
                    drawn[row.tenant] += row.allowance_s
        return drawn

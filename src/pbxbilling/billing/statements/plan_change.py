"""Change a tenant's plan from an instant of an open period on, and work out the cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pbxbilling.accounts.apply import TenantChange
from pbxbilling.accounts.open_periods import why_not_within
from pbxbilling.accounts.records import PlanSwitched
from pbxbilling.accounts.terms.registry import require_plan
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.billing.ports import StatementStore
from pbxbilling.billing.rating.price_schedule import PriceSchedule, conditions
from pbxbilling.billing.rating.tariff import included_s
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.kernel.audit import Actor
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.period import Period
from pbxbilling.kernel.ports import Clock
from pbxbilling.kernel.records import Record, nothing_more


@dataclass(frozen=True, slots=True)
class PlanChangeReport:
    """The cost of another plan from `at` on, in the open period; net, in minor units.

    `credit` is the old price of the time from `at` on, `charge` the new one. The minutes are those
    of the whole period, None is unlimited. `committed` says whether the change was made.
    """

    tenant: str
    month: str
    at: datetime
    before: str
    after: str
    currency: str
    credit: int
    charge: int
    difference: int
    included_minutes_before: int | None
    included_minutes_after: int | None
    committed: bool


class PlanChanges:
    """Changes plans within a period.

    Raises StoreError, and AdministrationError for a change that cannot be charged.
    """

    def __init__(
        self,
        statements: Statements,
        statement_store: StatementStore,
        writer: AccountWriter,
        clock: Clock,
    ) -> None:
        self._statements = statements
        self._statement_store = statement_store
        self._writer = writer
        self._clock = clock

    @again_if_stale
    async def change(
        self,
        slug: str,
        plan: str,
        at: datetime | None,
        actor: Actor,
        *,
        dry_run: bool,
        also: Callable[[PlanChangeReport], Sequence[Record]] = nothing_more,
    ) -> PlanChangeReport:
        """Give a tenant another plan from an instant of its open period on; `at` None is now.

        `dry_run` only reports the cost, by the same code; its instant may be in the future. `also`
        gives what is saved with the change.
        """
        async with self._writer.alone:
            tenant = self._statements.tenant(slug)
            self._check(tenant, plan)
            at = at or self._clock.now()
            if at > self._clock.now() and not dry_run:
                msg = f"{at} is in the future: change the plan then; --dry-run shows what it costs"
                raise AdministrationError(msg)
            change = await self._compared(tenant, plan, at)
            if not dry_run:
                moved = TenantChange(tenant, replace(tenant, plan=plan))
                more = also(change.report(committed=True))
                await self._writer.write("plan change", [moved], actor, [change.switch, *more])
        return change.report(committed=not dry_run)

    async def _compared(self, tenant: Tenant, plan: str, at: datetime) -> _Change:
        """Return the period with and without the change, by the statement's own arithmetic."""
        periods = await self._statements.open_periods(tenant.slug)
        period = periods.at(at)
        plans = self._writer.registry.plans
        history, began = periods.history, periods.began
        switches = history.switches
        if switches and at < switches[-1].at:
            msg = (
                f"{at} is before {switches[-1].at}, when plan {tenant.plan} began: choose a later"
                " moment"
            )
            raise AdministrationError(msg)
        why = why_not_within(tenant, plans[tenant.plan], plans[plan], at)
        if why is not None and at != period.begins:
            raise AdministrationError(
                f"{why}: change the plan for the whole period with --at"
                f" {period.begins.isoformat()}, or when the next one begins,"
                f" {period.ends.isoformat()}"
            )
        switch = PlanSwitched(tenant.slug, at, tenant.plan, plan)
        after, then = replace(tenant, plan=plan), replace(history, switches=[*switches, switch])
        return _Change(
            period,
            switch,
            conditions(tenant, period, history, plans, began),
            conditions(after, period, then, plans, began),
        )

    def _check(self, tenant: Tenant, slug: str) -> None:
        plan = require_plan(self._writer.registry, slug)
        if slug == tenant.plan:
            raise AdministrationError(f"{tenant.slug} has plan {slug} already")
        if not plan.active:
            raise AdministrationError(f"plan {slug} is deactivated: choose an active plan")
        if tenant.subscription is not None:
            msg = (
                f"subscription {tenant.subscription} sets the plan of {tenant.slug} by its price:"
                " change the price at the payment gateway"
            )
            raise AdministrationError(msg)


@dataclass(frozen=True, slots=True)
class _Change:
    """A period's price schedule before and after a change of plan in it."""

    period: Period
    switch: PlanSwitched
    before: PriceSchedule
    after: PriceSchedule

    def report(self, *, committed: bool) -> PlanChangeReport:
        at = self.switch.at
        charge = sum(part.amount for part in self.after.prices if part.tariff_version.begins >= at)
        difference = _price(self.after) - _price(self.before)
        return PlanChangeReport(
            tenant=self.switch.tenant,
            month=self.period.month,
            at=at,
            before=self.switch.before,
            after=self.switch.after,
            currency=self.after.tariff_versions[-1].tariff.currency,
            credit=charge - difference,
            charge=charge,
            difference=difference,
            included_minutes_before=_minutes(self.before),
            included_minutes_after=_minutes(self.after),
            committed=committed,
        )


def _price(schedule: PriceSchedule) -> int:
    return sum(part.amount for part in schedule.prices)


def _minutes(schedule: PriceSchedule) -> int | None:
    seconds = included_s(schedule.tariff_versions)
    return None if seconds is None else seconds // 60

"""What was in force for a tenant: its plans, their prices and its own terms, by instant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pbxbilling.accounts.history import as_it_was, changes_of
from pbxbilling.accounts.records import PlanSwitched, TermsChanged
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.periods import begin_of
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.period import Period
from pbxbilling.subscriptions.subscription import BillingCycle, Subscription

_LAST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class History:
    """What changed for a tenant, each kind in order; empty: all is as it ever was.

    `switches` are changes of its plan, `changes` those of its own terms and of the terms of all
    plans, `subscriptions` those that led it, `cycles` those that their invoices opened.
    """

    switches: Sequence[PlanSwitched] = ()
    changes: Sequence[TermsChanged] = ()
    subscriptions: Sequence[Subscription] = ()
    cycles: Sequence[BillingCycle] = ()

    def tenant(self, tenant: Tenant, at: datetime) -> Tenant:
        """Return the tenant with the billed terms of an instant."""
        return as_it_was(tenant, self.changes, at) if self.changes else tenant

    def plan(self, plan: Plan, at: datetime) -> Plan:
        """Return the plan with the billed terms of an instant."""
        return as_it_was(plan, self.changes, at)

    def at_end_of(self, tenant: Tenant, period: Period) -> Tenant:
        """Return the tenant as it was when a period ended: so a statement names and taxes it."""
        return self.tenant(tenant, period.ends - _LAST)

    def plan_at_end_of(self, plan: Plan, period: Period) -> Plan:
        """Return the plan as it was when a period ended."""
        return self.plan(plan, period.ends - _LAST)

    def tenants_in(self, tenant: Tenant, period: Period) -> Iterator[tuple[Tenant, Period]]:
        """Yield the tenant with each of the terms that it had in a period, and when."""
        at = {one.at for one in changes_of(tenant, self.changes)}
        for part in _parts(period, at):
            yield self.tenant(tenant, part.begins), part

    def plans_in(
        self, plan: Plan, period: Period, added_at: datetime | None
    ) -> Iterator[tuple[Plan, Period]]:
        """Yield the plan with each of the terms that it had in a period, and when.

        What it was before the tenant was added is nothing to the tenant.
        """
        floor = period.begins if added_at is None else max(added_at, period.begins)
        at = {one.at for one in changes_of(plan, self.changes) if one.at > floor}
        for part in _parts(period, at):
            yield as_it_was(plan, self.changes, max(part.begins, floor)), part

    @property
    def bought(self) -> list[datetime]:
        """Where each of its subscriptions began."""
        return [begin_of(one, self.cycles) for one in self.subscriptions]

    def is_bought_at(self, at: datetime) -> bool:
        """Return whether a subscription began at an instant."""
        return at in self.bought

    def lead_at(self, at: datetime) -> Subscription | None:
        """Return the subscription that led at an instant; None: none had begun."""
        begun = zip(self.subscriptions, self.bought, strict=True)
        return next((one for one, begins in reversed(list(begun)) if begins <= at), None)

    def cycle_at(self, at: datetime) -> BillingCycle | None:
        """Return the cycle, of those that invoices opened, that an instant falls into."""
        found = [cycle for cycle in self.cycles if cycle.begins <= at < cycle.ends]
        return found[-1] if found else None


NO_HISTORY = History()


def _parts(period: Period, at: set[datetime]) -> Iterator[Period]:
    begins = period.begins
    for ends in (*sorted(one for one in at if period.begins < one < period.ends), period.ends):
        yield Period(period.month, begins, ends)
        begins = ends

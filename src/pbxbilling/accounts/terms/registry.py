"""Hold all plans and tenants in memory, and find them by slug, account code, DID or context."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from heapq import nsmallest
from typing import NamedTuple

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.destinations import NO_DESTINATIONS, DestinationRates
from pbxbilling.catalog.plan import Limits, Plan
from pbxbilling.kernel.codes import Direction, LegDirection
from pbxbilling.kernel.errors import NotFoundError
from pbxbilling.kernel.numbers import found_by, read
from pbxbilling.kernel.period import zone

_ACCOUNTCODES, _DIDS, _CONTEXTS, _SLUGS = range(4)
TABLES = (_ACCOUNTCODES, _DIDS, _CONTEXTS, _SLUGS)  # in which a tenant is found; slugs come last
_A_PART = 1000  # terms or tenants: to free so many takes less than a millisecond


class LegUsage(NamedTuple):
    """The usage of a leg: `allowance_s` of its `billed_s` use included minutes of `month`."""

    billed_s: int
    allowance_s: int
    month: str


@dataclass(frozen=True, slots=True)
class Terms:
    """A tenant with the plan in force for it, its own limits applied."""

    tenant: Tenant
    plan: Plan
    limits: Limits
    destinations: DestinationRates = NO_DESTINATIONS

    def draws(self, direction: LegDirection | None, number: str, at: datetime) -> bool:
        """Return whether a leg to that number that ends at `at` uses included minutes."""
        if direction is None or not self.plan.includes(direction):
            return False
        if direction is LegDirection.INBOUND or not self.plan.destinations:
            return True
        rate = self.destinations.rate(number, self._day(at))
        return rate is None or rate.in_allowance

    def cannot_rate(self, direction: Direction, number: str, at: datetime) -> bool:
        """Return whether a call to that number should have a rate that cannot be determined.

        Only outbound calls are rated by number, and only by a plan with rates by destination.
        """
        if direction is not Direction.OUTBOUND or not self.plan.destinations:
            return False
        if read(number).usable:
            return False
        return self.destinations.dearest(self._day(at)) is not None

    def _day(self, at: datetime) -> date:
        return at.astimezone(zone(self.tenant.timezone)).date()

    def usage(
        self,
        direction: LegDirection,
        number: str,
        talk_us: int,
        ended_at: datetime,
        *,
        counts: bool,
    ) -> LegUsage:
        """Return the usage of a leg that has ended; `counts`: it may use included minutes."""
        billed_s = self.plan.billing_increment.billable_s(talk_us)
        included = counts and self.draws(direction, number, ended_at)
        month = self.tenant.period_at(ended_at).month
        return LegUsage(billed_s, billed_s if included else 0, month)


def _indexed(table: int, tenant: Tenant) -> Sequence[str]:
    if table == _ACCOUNTCODES:
        return tenant.accountcodes
    return tuple(map(found_by, tenant.dids)) if table == _DIDS else tenant.contexts


class Registry:
    """The plans and tenants that calls are judged by. A change is in force for the next call.

    A value of two tenants (a DID, say) belongs to the tenant written last; `apply` refuses a file
    with such a value.
    """

    def __init__(
        self, plans: Iterable[Plan] = (), tenants: Iterable[Tenant] = (), version: int = 0
    ) -> None:
        """`version` is that of the accounts in the store which these are."""
        self.version = version
        self.plans: dict[str, Plan] = {}
        self.tenants: dict[str, Tenant] = {}
        self._by_accountcode: dict[str, str] = {}
        self._by_did: dict[str, str] = {}
        self._by_context: dict[str, str] = {}
        self._terms: dict[str, Terms] = {}
        self._destinations: dict[str, DestinationRates] = {}
        self._copied = 0  # tables of another registry
        for plan in plans:
            self.put_plan(plan)
        for tenant in tenants:
            self.put_tenant(tenant)

    def put_plan(self, plan: Plan) -> None:
        """Add a plan, or replace the one with its slug."""
        self.plans[plan.slug] = plan
        self._destinations[plan.slug] = DestinationRates.of(plan)
        self._terms.clear()

    def put_tenant(self, tenant: Tenant) -> None:
        """Add a tenant, or replace the one with its slug and its entries in the indexes."""
        for table in TABLES:
            self.put_into(table, (tenant,))

    def put_into(self, table: int, tenants: Sequence[Tenant]) -> None:
        """Add or replace tenants in one of the `TABLES`; they must be put into all, in order.

        Each table may grow, which takes some milliseconds with 100,000 entries.
        """
        if table == _SLUGS:
            for tenant in tenants:
                self.tenants[tenant.slug] = tenant
                self._terms.pop(tenant.slug, None)
            return
        index = self._index(table)
        for tenant in tenants:
            old = self.tenants.get(tenant.slug)
            for value in _indexed(table, old) if old is not None else ():
                if index.get(value) == tenant.slug:
                    del index[value]
            for value in _indexed(table, tenant):
                index[value] = tenant.slug

    def _index(self, table: int) -> dict[str, str]:
        if table == _ACCOUNTCODES:
            return self._by_accountcode
        return self._by_did if table == _DIDS else self._by_context

    def copy_some(self, of: Registry) -> bool:
        """Copy one more table of the other's, to change many plans and tenants beside calls.

        To copy a table of 100,000 tenants takes some milliseconds; the tenants are shared. Return
        whether there are any tables left; until then, nothing may be put into either registry.
        """
        self._copied += 1
        if self._copied == 1:
            self.plans, self._destinations = of.plans.copy(), of._destinations.copy()
        elif self._copied == 2:
            self.tenants = of.tenants.copy()
        elif self._copied == 3:
            self._by_accountcode = of._by_accountcode.copy()
        elif self._copied == 4:
            self._by_did = of._by_did.copy()
        elif self._copied == 5:
            self._by_context = of._by_context.copy()
        else:
            self._terms = of._terms.copy()
            return False
        return True

    def swap(self, other: Registry) -> None:
        """Exchange plans and tenants with the other in one step: no call sees half of them."""
        self.version, other.version = other.version, self.version
        self.plans, other.plans = other.plans, self.plans
        self.tenants, other.tenants = other.tenants, self.tenants
        self._by_accountcode, other._by_accountcode = other._by_accountcode, self._by_accountcode
        self._by_did, other._by_did = other._by_did, self._by_did
        self._by_context, other._by_context = other._by_context, self._by_context
        self._terms, other._terms = other._terms, self._terms
        self._destinations, other._destinations = other._destinations, self._destinations

    def forget_some(self) -> bool:
        """Forget a part of the terms and tenants, or an index; what nothing else has is freed.

        Return whether there are any left. An index may still name tenants that are forgotten.
        """
        if self._terms or self.tenants:
            for _ in range(_A_PART):
                if self._terms:
                    self._terms.popitem()
                elif self.tenants:
                    self.tenants.popitem()
        elif self._by_accountcode:
            self._by_accountcode = {}
        elif self._by_did:
            self._by_did = {}
        elif self._by_context:
            self._by_context = {}
        else:
            return False
        return True

    def terms(self, slug: str | None) -> Terms | None:
        """Return the terms of a tenant; None where the tenant or its plan is unknown."""
        if slug is None:
            return None
        known = self._terms.get(slug)
        if known is None:
            tenant = self.tenants.get(slug)
            plan = self.plans.get(tenant.plan) if tenant else None
            if tenant is None or plan is None:
                return None
            limits = plan.limits.overridden_by(tenant.limits)
            known = Terms(tenant, plan, limits, self._destinations[plan.slug])
            self._terms[tenant.slug] = known
        return known

    def named(self, word: str) -> str | None:
        """Return the tenant that a hook's argument names: by slug, else by account code."""
        tenant = self.tenants.get(word)
        if tenant is not None:
            return tenant.slug  # the stored string, so later look-ups skip the string comparison
        return self._by_accountcode.get(word) if word else None

    def owner(self, accountcode: str = "", did: str = "", context: str = "") -> str | None:
        """Return the tenant of a channel: by the DID called, else account code, else context.

        A DID is given for inbound calls only, where it is the best evidence.
        """
        return (
            (self._by_did.get(found_by(did)) if did else None)
            or (self._by_accountcode.get(accountcode) if accountcode else None)
            or (self._by_context.get(context) if context else None)
        )


def slugs_after(slugs: Iterable[str], after: str | None, limit: int) -> list[str]:
    """Return a page of slugs, in order: so many after a slug, or (None) the first."""
    return nsmallest(limit, (slug for slug in slugs if after is None or slug > after))


def require_tenant(registry: Registry, slug: str) -> Tenant:
    """Return the tenant of that slug. Raises NotFoundError."""
    tenant = registry.tenants.get(slug)
    if tenant is None:
        msg = f"tenant {slug!r} is unknown; `pbxbilling tenants` lists them, `apply` adds one"
        raise NotFoundError(msg)
    return tenant


def require_plan(registry: Registry, slug: str) -> Plan:
    """Return the plan of that slug. Raises NotFoundError."""
    plan = registry.plans.get(slug)
    if plan is None:
        msg = f"plan {slug!r} is unknown; `pbxbilling plans` lists them, `apply` adds one"
        raise NotFoundError(msg)
    return plan


def require_terms(registry: Registry, slug: str) -> Terms:
    """Return the terms of that tenant. Raises NotFoundError where it or its plan is unknown."""
    tenant = require_tenant(registry, slug)
    terms = registry.terms(slug)
    if terms is None:
        msg = (
            f"tenant {slug}: its plan {tenant.plan!r} is unknown; add it to the accounts file and"
            " `apply` it"
        )
        raise NotFoundError(msg)
    return terms

"""Link subscriptions and customers that a gateway had before the daemon came, as a person says.

It reads everything from the gateway and changes nothing there; only the tenants of the rows that
are named change here.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from dataclasses import replace
from typing import NamedTuple, TypeVar

from pbxbilling.accounts.apply import TenantChange
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import require_tenant
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.kernel.audit import Actor
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.ports import Clock
from pbxbilling.runtime.waiting import in_turns, sleep
from pbxbilling.subscriptions.adoption.matching import (
    Adopted,
    AdoptionRow,
    Candidate,
    Candidates,
    CustomerProfile,
    TenantIndex,
    unreadable,
)
from pbxbilling.subscriptions.manage import Subscriptions
from pbxbilling.subscriptions.order import plan_sold_by
from pbxbilling.subscriptions.ports import Gateway, Page, SubscriptionStore
from pbxbilling.subscriptions.shared_meters import goes_to_meter, in_one_sum
from pbxbilling.subscriptions.subscription import Customer, Subscription, follow, leading

_STEP = 100  # tenants between two turns of other tasks
_PAGES_MOST = 10_000  # guards against a list that never ends

T = TypeVar("T")


class _Found(NamedTuple):
    """What the gateway lists and nobody has, by id; `whose` are the tenants of the others."""

    subscriptions: dict[str, Subscription]
    customers: dict[str, CustomerProfile]
    whose: dict[str, str]
    subscribed: set[str]  # customers of these subscriptions
    faults: list[str]


class Adoption:
    """Lists what is nobody's, and links it.

    Raises AdministrationError, GatewayError, StoreError.
    """

    def __init__(
        self,
        gateway: Gateway,
        writer: AccountWriter,
        subscription_store: SubscriptionStore,
        subscriptions: Subscriptions,
        clock: Clock,
        in_force: InForce,
    ) -> None:
        self._gateway = gateway
        self._writer = writer
        self._subscription_store = subscription_store
        self._subscriptions = subscriptions
        self._clock = clock
        self._in_force = in_force

    async def candidates(self) -> Candidates:
        """Return what is nobody's: subscriptions that are not over, then customers without one."""
        found = await self._found()
        index = await in_turns(_index(list(self._writer.registry.tenants.values())))
        rows = [await self._candidate(one, found, index) for one in found.subscriptions.values()]
        rows += [
            await self._candidate(None, found, index, customer)
            for customer in found.customers.values()
            if customer.id not in found.subscribed
        ]
        return Candidates(tuple(rows), tuple(found.faults))

    async def adopt(
        self, rows: Sequence[AdoptionRow], actor: Actor, *, dry_run: bool
    ) -> list[Adopted]:
        """Link rows, all or none: AdministrationError names every row that cannot be."""
        found = await self._found()
        faults: list[str] = []
        named: dict[str, AdoptionRow] = {}
        metered: dict[str, str] = {}
        for row in rows:
            faults += [*self._faults(row, found), *_repeated(row, named)]
            faults += self._shared_by_rows(row, found, metered)
            await sleep(0)  # a file may have thousands, and calls share the event loop
        if faults:
            raise AdministrationError("\n".join(faults))
        planned = [await self._planned(row, found) for row in rows]
        if not dry_run:
            for row in rows:
                await self._link(row, found, actor)
        return planned

    # --- what the gateway lists ----------------------------------------------------------------

    async def _found(self) -> _Found:
        found = _Found({}, {}, {}, set(), [])
        live, tenants = self._gateway.live, self._writer.registry.tenants
        by_customer = {one.customer: one.slug for one in tenants.values() if one.customer}
        async for one in self._every(self._gateway.subscriptions, found.faults):
            if one.live is live and not one.is_over:
                stored = await self._subscription_store.subscription(one.id)
                owner = stored.tenant if stored is not None and stored.tenant else one.tenant
                if owner in tenants:
                    found.whose[one.id] = owner
                else:
                    found.subscriptions[one.id] = one
                    found.subscribed.add(one.customer)
        async for customer in self._every(self._gateway.customers, found.faults):
            if customer.live is live:
                if customer.id in by_customer:
                    found.whose[customer.id] = by_customer[customer.id]
                if customer.id not in by_customer or customer.id in found.subscribed:
                    found.customers[customer.id] = customer
        return found

    async def _every(
        self, page_after: Callable[[str | None], Awaitable[Page[T]]], faults: list[str]
    ) -> AsyncIterator[T]:
        after: str | None = None
        for _ in range(_PAGES_MOST):
            page = await page_after(after)
            faults += page.faults
            for item in page.items:
                yield item
            after = page.after
            if after is None:
                return

    async def _candidate(
        self,
        subscription: Subscription | None,
        found: _Found,
        index: TenantIndex,
        customer: CustomerProfile | None = None,
    ) -> Candidate:
        ident = subscription.customer if subscription is not None else ""
        profile = customer or found.customers.get(ident) or CustomerProfile(ident)
        tenants = self._writer.registry.tenants
        fit = index.fit(subscription, profile)
        await sleep(0)
        sold = subscription.prices if subscription is not None else ()
        candidate = Candidate(
            profile, subscription, fit, plan_sold_by(self._writer.registry.plans, sold)
        )
        if len(fit.tenants) != 1:
            return candidate
        tenant = tenants[fit.tenants[0]]
        row = AdoptionRow(tenant.slug, subscription.id if subscription else None, profile.id)
        problem = next(self._faults(row, found), "")
        if problem or subscription is None:
            return replace(candidate, problem=problem)
        return replace(candidate, status=(await self._followed(tenant, subscription)).status)

    # --- one row -------------------------------------------------------------------------------

    def _faults(self, row: AdoptionRow, found: _Found) -> Iterator[str]:
        """Yield why a row cannot be linked, each with its place and column."""
        return (_placed(row, column, fault) for column, fault in self._columns(row, found))

    def _shared_by_rows(
        self, row: AdoptionRow, found: _Found, metered: dict[str, str]
    ) -> Iterator[str]:
        """Yield a fault for a customer whose meter an earlier row gives to another tenant.

        `metered` are the tenants of the rows so far, by customer, whose usage goes to the meter.
        """
        tenant = self._writer.registry.tenants.get(row.tenant)
        sold = found.subscriptions.get(row.subscription or "")
        customer = sold.customer if sold is not None else row.customer
        if tenant is None or customer is None or not goes_to_meter(tenant, self._clock.now()):
            return
        first = metered.setdefault(customer, tenant.slug)
        if first != tenant.slug:
            both = sorted((first, tenant.slug))
            yield _placed(row, "tenant", in_one_sum(customer, both, self._gateway.name))

    def _columns(self, row: AdoptionRow, found: _Found) -> Iterator[tuple[str, str]]:
        tenant = self._writer.registry.tenants.get(row.tenant)
        subscription = found.subscriptions.get(row.subscription or "")
        if tenant is None:
            yield "tenant", f"tenant {row.tenant!r} is unknown: `pbxbilling tenants` lists them"
        if row.subscription is None and row.customer is None:
            yield "subscription", "expected the id of a subscription, or of a customer"
        elif row.subscription is not None and subscription is None:
            yield "subscription", self._unknown("subscription", row.subscription, found)
        elif subscription is None and row.customer not in found.customers:
            yield "customer", self._unknown("customer", row.customer or "", found)
        if subscription is not None and row.customer not in (None, subscription.customer):
            yield "customer", f"{subscription.id} is of customer {subscription.customer}"
        customer = subscription.customer if subscription is not None else row.customer
        if tenant is not None and customer is not None:
            yield from self._unfit(tenant, customer, subscription)

    def _unknown(self, kind: str, ident: str, found: _Found) -> str:
        owner = found.whose.get(ident)
        if owner is not None:
            return f"{kind} {ident} is that of tenant {owner} already"
        return unreadable(kind, ident, self._gateway.name)

    def _unfit(
        self, tenant: Tenant, customer: str, subscription: Subscription | None
    ) -> Iterator[tuple[str, str]]:
        """Yield why this tenant cannot have this customer or subscription."""
        if subscription is None and tenant.customer not in (None, customer):
            yield "tenant", f"tenant {tenant.slug} has customer {tenant.customer} already"
        refused = self._subscriptions.why_not(tenant, customer, subscription)
        if refused:
            yield "tenant", refused

    async def _planned(self, row: AdoptionRow, found: _Found) -> Adopted:
        tenant = self._writer.registry.tenants[row.tenant]
        subscription = found.subscriptions.get(row.subscription or "")
        after = tenant if subscription is None else await self._followed(tenant, subscription)
        return Adopted(
            tenant=tenant.slug,
            customer=subscription.customer if subscription is not None else row.customer or "",
            subscription=row.subscription,
            plan_before=tenant.plan,
            plan=after.plan,
            status_before=tenant.status,
            status=after.status,
        )

    async def _followed(self, tenant: Tenant, subscription: Subscription) -> Tenant:
        """Return the tenant as it would be with this subscription beside those that it has."""
        known = await self._subscription_store.subscriptions(tenant=tenant.slug)
        ours = [one for one in known if one.live is self._gateway.live]
        ours.append(replace(subscription, tenant=tenant.slug))
        lead = leading(ours)
        plan = plan_sold_by(self._writer.registry.plans, lead.prices) if lead is not None else None
        return follow(tenant, ours, plan, self._clock.now(), self._in_force.grace_days)

    async def _link(self, row: AdoptionRow, found: _Found, actor: Actor) -> None:
        subscription = found.subscriptions.get(row.subscription or "")
        if subscription is not None:
            await self._subscriptions.adopt(subscription, row.tenant, actor)
        elif row.customer is not None:
            await self._own(row.tenant, found.customers[row.customer], actor)

    @again_if_stale
    async def _own(self, slug: str, profile: CustomerProfile, actor: Actor) -> None:
        """Give a tenant a customer that has no subscription: what it buys next is on that one."""
        async with self._writer.alone:
            before = require_tenant(self._writer.registry, slug)
            for _, fault in self._unfit(before, profile.id, None):
                raise AdministrationError(fault)
            mirror = Customer(profile.id, slug, profile.email, profile.live)
            change = TenantChange(before, replace(before, customer=profile.id))
            await self._writer.write("adopt", [change], actor, [mirror])


def _index(tenants: Sequence[Tenant]) -> Generator[None, None, TenantIndex]:
    """Build the index in steps."""
    index = TenantIndex()
    for number, tenant in enumerate(tenants):
        index.add(tenant)
        if number % _STEP == 0:
            yield
    return index


def _repeated(row: AdoptionRow, named: dict[str, AdoptionRow]) -> Iterator[str]:
    """Yield a fault for what an earlier row names too; `named` are the rows by what they name."""
    for column, ident in (("tenant", row.tenant), ("subscription", row.subscription)):
        if ident and named.setdefault(f"{column} {ident}", row) is not row:
            yield _placed(row, column, f"{ident} is in an earlier row already: remove one")


def _placed(row: AdoptionRow, column: str, fault: str) -> str:
    return ": ".join(filter(None, (row.place, column, fault)))


def rows_of(given: Iterable[AdoptionRow]) -> list[AdoptionRow]:
    """Return rows with empty cells as None."""
    return [
        replace(row, subscription=row.subscription or None, customer=row.customer or None)
        for row in given
    ]

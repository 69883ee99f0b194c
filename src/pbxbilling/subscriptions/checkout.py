"""Sell plans: make links to the gateway's pages where a tenant pays or manages a subscription.

Nothing here grants anything: what was bought is in force once the gateway says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pbxbilling.accounts.apply import TenantChange
from pbxbilling.accounts.records import Act
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import require_plan, require_tenant
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter, again_if_stale
from pbxbilling.catalog.plan import SOLD_CYCLES, Cycle, Plan
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.kernel.gateway_names import COMMANDS, PRICE_TABLES, SECTIONS, GatewayName
from pbxbilling.kernel.ports import Clock
from pbxbilling.kernel.records import Record, nothing_more
from pbxbilling.runtime.waiting import Lock
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.order import CheckoutSession, Order, SalePages, Wish, order_of
from pbxbilling.subscriptions.ports import CheckoutGateway, SubscriptionStore
from pbxbilling.subscriptions.subscription import Customer, Subscription, leading

FRESH = timedelta(hours=1)  # a page that expires sooner is not handed out again

# No longer paid for, or not yet: the gateway is asked for newer subscriptions before selling.
_DORMANT = frozenset({Status.CANCELLED, Status.INCOMPLETE})


@dataclass(frozen=True, slots=True)
class Offer:
    """A link where a tenant can buy a plan until `expires_at`.

    `trial_days` (0: none) and `with_setup` say what it includes beside the plan; `live` says
    whether it moves real money.
    """

    tenant: str
    plan: str
    cycle: Cycle
    url: str
    expires_at: datetime
    customer: str
    trial_days: int
    with_setup: bool
    live: bool


@dataclass(frozen=True, slots=True)
class PortalLink:
    """A link where a tenant manages its subscription; it is valid for minutes."""

    tenant: str
    customer: str
    url: str


NO_WISH = Wish()
_CHECKOUT = Act(AuditEvent.SUBSCRIPTION_CHECKOUT, "checkout")
_PORTAL = Act(AuditEvent.SUBSCRIPTION_PORTAL, "portal")


class Checkout:
    """Creates checkout and portal links.

    A request that fails half-way can be repeated: a tenant's customer is created once, and only
    one of its pages is open at a time. Raises AdministrationError for what cannot be sold,
    GatewayError, StoreError.
    """

    def __init__(
        self,
        gateway: CheckoutGateway,
        writer: AccountWriter,
        subscription_store: SubscriptionStore,
        follower: Follower,
        clock: Clock,
        in_force: InForce,
        pages: SalePages,
    ) -> None:
        self._gateway = gateway
        self._writer = writer
        self._subscription_store = subscription_store
        self._follower = follower
        self._clock = clock
        self._in_force = in_force
        self._pages = pages
        self._queues: dict[str, Lock] = {}

    async def checkout(
        self,
        slug: str,
        plan_slug: str,
        cycle: Cycle,
        actor: Actor,
        wish: Wish = NO_WISH,
        *,
        also: Callable[[Offer], Sequence[Record]] = nothing_more,
    ) -> Offer:
        """Return a link to buy a plan; the same request again gives the same link.

        `also` gives what is saved with it.
        """
        self._buyer(slug)
        plan = self._for_sale(plan_slug, cycle)
        pages = self._pages_of(wish)
        self._need(pages.success_url, "success_url", "after they paid")
        self._need(pages.cancel_url, "cancel_url", "after they cancelled")
        async with self._one_at_a_time(slug):
            await self._refuse_a_second(slug)
            customer = await self._customer(slug, actor)
            tenant = self._buyer(slug)
            days = await self._trial_days(tenant, wish)
            order = order_of(tenant, customer, plan, self._gateway.name, cycle, pages, days)
            page = await self._page(order)
            offer = self._offer(order, page)
            await self._audit(actor, order, page, also(offer))
        return offer

    def _offer(self, order: Order, page: CheckoutSession) -> Offer:
        return Offer(
            tenant=order.tenant,
            plan=order.plan,
            cycle=order.cycle,
            url=page.url,
            expires_at=page.expires_at,
            customer=order.customer,
            trial_days=order.trial_days,
            with_setup=order.with_setup,
            live=self._follower.live,
        )

    def _pages_of(self, wish: Wish) -> SalePages:
        """Return the pages of a sale. Raises AdministrationError for one on another host."""
        pages = self._pages
        if wish.success_url is not None:
            pages = replace(pages, success_url=self._pages.checked(wish.success_url))
        if wish.cancel_url is not None:
            pages = replace(pages, cancel_url=self._pages.checked(wish.cancel_url))
        return pages

    async def _trial_days(self, tenant: Tenant, wish: Wish) -> int:
        if wish.trial_days is not None:
            return wish.trial_days
        return 0 if await self._had_a_start(tenant) else self._in_force.policy.trial_days

    async def portal(self, slug: str, actor: Actor, return_url: str | None = None) -> PortalLink:
        """Return a link to the gateway's own customer portal."""
        tenant = self._buyer(slug)
        if tenant.customer is None:
            msg = (
                f"tenant {slug} has not bought anything yet: sell it a plan with `{COMMANDS}"
                f" checkout {slug} --plan P` first"
            )
            raise AdministrationError(msg)
        back = self._pages.portal_return_url
        if return_url is not None:
            back = self._pages.checked(return_url)
        self._need(back, "portal_return_url", "from the portal")
        url = await self._gateway.portal(tenant.customer, back)
        details = {"customer": tenant.customer}
        await self._writer.note(
            self._writer.audit(_PORTAL, f"tenant {slug}", actor, None, details, slug)
        )
        return PortalLink(slug, tenant.customer, url)

    # --- what may be sold, and to whom ----------------------------------------------------------

    def _buyer(self, slug: str) -> Tenant:
        tenant = require_tenant(self._writer.registry, slug)
        if tenant.demo:
            msg = (
                f"tenant {slug} is a demo, and nothing is sold to a demo: remove `demo` from"
                f" [tenant.{slug}] in the accounts file and `apply` it"
            )
            raise AdministrationError(msg)
        return tenant

    def _for_sale(self, slug: str, cycle: Cycle) -> Plan:
        plan = require_plan(self._writer.registry, slug)
        if not plan.active:
            msg = f"plan {slug} is deactivated: choose another, or `apply` it with active = true"
            raise AdministrationError(msg)
        gateway = self._gateway.name
        prices = plan.prices_at(gateway)
        if not prices.of(cycle):
            raise _no_price(slug, gateway, SOLD_CYCLES[cycle])
        if plan.setup_fee and not prices.setup:
            raise _no_price(slug, gateway, "setup")
        return plan

    def _need(self, url: str, key: str, whom: str) -> None:
        if not url:
            msg = (
                f'set {key} = "https://…" under {SECTIONS[self._gateway.name]} in the'
                f" configuration, a page of yours to which people return {whom}; then restart the"
                " daemon"
            )
            raise AdministrationError(msg)

    async def _refuse_a_second(self, slug: str) -> None:
        """Raise AdministrationError if the tenant has a subscription already.

        Checks our mirrors, then the gateway: an event may be on its way.
        """
        tenant = self._buyer(slug)
        lead = leading(await self._follower.ours(slug))
        if lead is not None and lead.status not in _DORMANT:
            raise _has_one(slug, lead)
        if tenant.customer is None:
            return
        found = await self._gateway.subscriptions_of(tenant.customer)
        for one in found:
            await self._follower.apply_snapshot(one)
        lead = leading(found)
        if lead is not None:
            raise _has_one(slug, lead)

    async def _had_a_start(self, tenant: Tenant) -> bool:
        """Return whether the tenant had a trial or a subscription before; it then gets no trial."""
        tried = tenant.trial_until is not None or tenant.status is Status.TRIAL
        if tried or tenant.subscription is not None:
            return True
        return bool(await self._follower.ours(tenant.slug))

    # --- customers and pages --------------------------------------------------------------------

    def _one_at_a_time(self, slug: str) -> AbstractAsyncContextManager[object]:
        """Return the tenant's own lock: the one over all accounts must not wait for a network."""
        return self._queues.setdefault(slug, Lock())

    async def _customer(self, slug: str, actor: Actor) -> str:
        """Return the tenant's customer at the gateway; create one if it is missing or deleted."""
        tenant = self._buyer(slug)
        if tenant.customer and await self._gateway.customer(tenant.customer):
            return tenant.customer
        made = await self._gateway.create_customer(tenant)
        await self._save_customer(slug, made, actor)
        return made.id

    @again_if_stale
    async def _save_customer(self, slug: str, made: Customer, actor: Actor) -> None:
        """Save a tenant's new customer; two that are created at once are one at the gateway."""
        async with self._writer.alone:
            before = self._buyer(slug)
            if before.customer == made.id:
                return
            also = [replace(made, tenant=slug), *await self._gone(before.customer)]
            change = TenantChange(before, replace(before, customer=made.id))
            await self._writer.write(_CHECKOUT.action, [change], actor, also)

    async def _gone(self, customer: str | None) -> list[Customer]:
        """Return the mirror of a replaced customer, marked as deleted; of our key's mode only."""
        stored = await self._subscription_store.customer(customer) if customer else None
        return (
            [replace(stored, deleted=True)] if stored and stored.live is self._follower.live else []
        )

    async def _page(self, order: Order) -> CheckoutSession:
        """Return the tenant's one open page and withdraw all others: a second could be paid too."""
        wanted, good = self._gateway.fingerprint(order), self._clock.now() + FRESH
        kept: CheckoutSession | None = None
        for page in await self._gateway.open_checkouts(order.customer):
            if kept is None and page.order == wanted and page.expires_at > good:
                kept = page
            else:
                await self._gateway.withdraw(page.id)
        return kept or await self._gateway.checkout(order)

    async def _audit(
        self, actor: Actor, order: Order, page: CheckoutSession, also: Sequence[Record]
    ) -> None:
        details = {
            "plan": order.plan,
            "cycle": order.cycle.value,
            "customer": order.customer,
            "checkout": page.id,
            "trial_days": order.trial_days,
            "setup": order.with_setup,
        }
        subject, tenant = f"tenant {order.tenant}", order.tenant
        await self._writer.note(
            self._writer.audit(_CHECKOUT, subject, actor, None, details, tenant), *also
        )


def _no_price(plan: str, gateway: GatewayName, key: str) -> AdministrationError:
    return AdministrationError(
        f"plan {plan} has no {key} price at {gateway}: put its id into {PRICE_TABLES[gateway]} = {{"
        f' {key} = "price_…" }} of [plan.{plan}] in the accounts file and `apply` it'
    )


def _has_one(slug: str, found: Subscription) -> AdministrationError:
    how = "awaits its first payment" if found.status is Status.INCOMPLETE else f"is {found.status}"
    return AdministrationError(
        f"tenant {slug} has subscription {found.id}, which {how}: change or pay it with `{COMMANDS}"
        f" portal {slug}`, or end it with `pbxbilling subscription cancel {slug} --now`"
    )

"""Selling without a network: Checkout and subscriptions on a gateway and a store in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.catalog.plan import Cycle, Plan, Prices
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.subscriptions.adoption.adopt import Adoption
from pbxbilling.subscriptions.checkout import Checkout
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.manage import Subscriptions
from pbxbilling.subscriptions.order import SalePages
from pbxbilling.subscriptions.ports import Gateway
from pbxbilling.subscriptions.subscription import Subscription
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.subscriptions.memory_checkout import MemoryCheckout

PAGES = SalePages(
    "https://provider.example/done",
    "https://provider.example/back",
    "https://provider.example/account",
)
STARTER = Plan(
    "starter",
    prices={Cycle.MONTH: 2900, Cycle.YEAR: 29000},
    setup_fee=24900,
    gateway_prices={STRIPE: Prices("price_month", "price_year", "price_usage", "price_setup")},
)
ACME = Tenant("acme", "starter", email="billing@acme.example", status=Status.INCOMPLETE)


class Shop:
    """One plan and one tenant, or those given; `live_calls` and `unsent` are those of each."""

    def __init__(
        self,
        tenant: Tenant = ACME,
        *others: Tenant,
        plan: Plan = STARTER,
        pages: SalePages = PAGES,
    ) -> None:
        self.clock = Clock()
        self.unsent = self.live_calls = 0
        self.checkout_gateway = MemoryCheckout(self.clock)
        self.store = MemoryStore()
        self.facts: list[Fact] = []
        self.registry = Registry([plan], [tenant, *others])
        self.writer = writer = AccountWriter(
            self.store, self.registry, self.clock, self.facts.append, asyncio.Lock()
        )
        subscription_store = self.store.subscription_store
        in_force = InForce(Policy(), self.registry)
        self.follower = Follower(
            writer,
            subscription_store,
            self.clock,
            in_force,
            gateway=STRIPE,
            live=False,
        )
        self.checkout = Checkout(
            self.checkout_gateway,
            writer,
            subscription_store,
            self.follower,
            self.clock,
            in_force,
            pages,
        )
        self.subscriptions = Subscriptions(
            self.checkout_gateway,
            writer,
            subscription_store,
            self.follower,
            self.clock,
            self._unsent,
            lambda _slug: self.live_calls,
        )

    def adoption(self, gateway: Gateway) -> Adoption:
        """Return the adoption of what a gateway lists."""
        return Adoption(
            gateway,
            self.writer,
            self.store.subscription_store,
            self.subscriptions,
            self.clock,
            InForce(Policy(), self.registry),
        )

    async def _unsent(self, slug: str) -> int:
        del slug
        return self.unsent

    @property
    def acme(self) -> Tenant:
        return self.registry.tenants["acme"]

    async def subscribe(self, status: Status = Status.ACTIVE, **changed: Any) -> Subscription:
        """Let the tenant buy, and receive the news from the gateway."""
        bought = self.bought(status, **changed)
        await self.follower.apply_snapshot(bought)
        self.facts.clear()
        return bought

    def bought(self, status: Status = Status.ACTIVE, **changed: Any) -> Subscription:
        """Let the tenant buy; no event has arrived yet."""
        now = self.clock.now()
        ident = f"sub_{len(self.checkout_gateway.sold) + 1}"
        whole = Subscription(
            ident, "cus_1", status, ("price_month",), now, now, live=False, tenant="acme"
        )
        self.checkout_gateway.sold[ident] = replace(whole, **changed)
        return self.checkout_gateway.sold[ident]

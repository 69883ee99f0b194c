"""Purchases by strangers at the account's payment links, by the real package at our fake."""

from __future__ import annotations

import asyncio
import json

import pytest
import stripe

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.catalog.plan import Plan, Prices
from pbxbilling.gateways.stripe import objects
from pbxbilling.gateways.stripe.client import StripeApi
from pbxbilling.gateways.stripe.gateway import StripeGateway
from pbxbilling.gateways.stripe.signature import StripeWebhooks
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.subscriptions.events import EventState, stored_event
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.inbox import Inbox
from pbxbilling.subscriptions.sync import Sync
from rig.fakestripe import FakeStripe
from tests.support.kernel.actors import named
from tests.support.store.memory_store import MemoryStore

GLOBEX = Tenant("globex", "big", email="billing@globex.example")


class Shop:
    """A tenant on a plan that was never bought, and all that receives Stripe's events."""

    def __init__(self, fake: FakeStripe, api: StripeApi) -> None:
        self.fake = fake
        self.small, self.big = fake.create_price(100), fake.create_price(9900)
        plans = [
            Plan("big", gateway_prices={STRIPE: Prices(flat=self.big)}),
            Plan("small", gateway_prices={STRIPE: Prices(flat=self.small)}),
        ]
        self.registry, self.store, clock = Registry(plans, [GLOBEX]), MemoryStore(), SystemClock()
        facts: list[Fact] = []
        writer = AccountWriter(self.store, self.registry, clock, facts.append, asyncio.Lock())
        subscription_store, gateway = self.store.subscription_store, StripeGateway(api, clock)
        in_force = InForce(Policy(), self.registry)
        self.follower = Follower(
            writer, subscription_store, clock, in_force, gateway=STRIPE, live=False
        )
        reader = StripeWebhooks((), clock)
        self.post = Inbox(
            gateway, reader, self.follower, subscription_store, clock, facts.append, _nothing
        )
        self.drift = Sync(
            gateway,
            self.follower,
            self.store,
            subscription_store,
            clock,
            facts.append,
            lambda _: None,
        )

    async def hears(self) -> None:
        """Receive all of Stripe's events, old ones again; then run the hourly comparison."""
        for event in self.fake.events():
            body = json.dumps(event).encode()
            message = objects.message(body)
            webhook_event = stored_event(message, body, message.created_at)
            await self.store.commit([webhook_event])
            await self.post._deliver(webhook_event.id)
        await self.drift.compare()

    @property
    def globex(self) -> Tenant:
        return self.registry.tenants["globex"]

    def parked(self) -> set[str]:
        webhook_events = self.store.subscription_store.post.values()
        return {one.about for one in webhook_events if one.state is EventState.PARKED}


async def _nothing(_: str) -> None:
    """Report no bad usage."""


@pytest.fixture
def shop(fake: FakeStripe, api: StripeApi) -> Shop:
    return Shop(fake, api)


async def test_a_buyer_takes_over_neither_plan_nor_standing_nor_customer(shop: Shop) -> None:
    bought = shop.fake.pay_at_link(
        shop.small, client_reference_id="globex", email=GLOBEX.email, name="globex"
    )
    await shop.hears()
    assert shop.globex == GLOBEX
    shop.fake.change_price(bought, shop.big)
    shop.fake.renew(bought, paid=False)
    await shop.hears()
    shop.fake.cancel(bought)
    await shop.hears()
    assert shop.globex == GLOBEX
    assert bought in shop.parked()


async def test_who_is_asked_says_whose_it_is(shop: Shop) -> None:
    bought = shop.fake.pay_at_link(shop.small, client_reference_id="globex")
    await shop.hears()
    await shop.follower.link(bought, "globex", named("alice"))
    await shop.hears()
    assert (shop.globex.plan, shop.globex.subscription) == ("small", bought)
    assert bought not in shop.parked()


async def test_metadata_on_the_link_alone_is_of_whoever_pays_there(shop: Shop) -> None:
    shop.fake.pay_at_link(shop.small, {"metadata": {"tenant": "globex"}})
    await shop.hears()
    assert shop.globex == GLOBEX


async def test_metadata_of_the_subscription_is_the_accounts_own_word(shop: Shop) -> None:
    bought = shop.fake.pay_at_link(shop.small, {"subscription_data": {"tenant": "globex"}})
    await shop.hears()
    assert shop.globex.subscription == bought


async def test_a_session_of_another_program_names_nobody(
    shop: Shop, client: stripe.StripeClient
) -> None:
    session = client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "success_url": "https://provider.example/done",
            "client_reference_id": "globex",
            "line_items": [{"price": shop.small, "quantity": 1}],
        }
    )
    shop.fake.complete(session.id)
    await shop.hears()
    assert shop.globex == GLOBEX

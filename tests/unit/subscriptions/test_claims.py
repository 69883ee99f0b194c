"""Nothing that a payer can write decides which tenant a purchase belongs to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.catalog.plan import Plan, Prices
from pbxbilling.gateways.stripe import objects
from pbxbilling.gateways.stripe.signature import StripeWebhooks
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.subscriptions.events import EventState, stored_event
from pbxbilling.subscriptions.facts import EventTaken
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.inbox import Inbox
from tests.support.gateways.stripe import bodies
from tests.support.gateways.stripe.bodies import START, START_S
from tests.support.kernel.actors import named
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.subscriptions.truth import Truth

VICTIM = Tenant("globex", "big", email="billing@globex.example", customer="cus_globex")
PLANS = (Plan("big"), Plan("small", gateway_prices={STRIPE: Prices(flat="price_1")}))
# What an attacker may know of a victim, and writes wherever possible.
WORDS = st.sampled_from(["globex", "billing@globex.example", "cus_globex", "Globex Inc.", ""])
DETAILS = st.fixed_dictionaries({"email": WORDS, "name": WORDS, "phone": WORDS})
FIELDS = st.lists(
    st.fixed_dictionaries(
        {"key": st.just("tenant"), "text": st.fixed_dictionaries({"value": WORDS})}
    )
)
PAGES = st.fixed_dictionaries(
    {},
    optional={
        "client_reference_id": WORDS,
        "customer_email": WORDS,
        "customer_details": DETAILS,
        "custom_fields": FIELDS,
        "collected_information": st.fixed_dictionaries({"business_name": WORDS}),
        "payment_link": st.sampled_from([None, "plink_1"]),
    },
)
INVOICES = st.fixed_dictionaries(
    {},
    optional={
        "customer_email": WORDS,
        "customer_name": WORDS,
        "custom_fields": FIELDS,
        "account_name": WORDS,
    },
)
HAPPENINGS = st.permutations(["checkout", "created", "invoice", "canceled", "customer"])


class Shop:
    """The parts behind the webhook, and a tenant that has not bought anything."""

    def __init__(self, *tenants: Tenant) -> None:
        self.truth, self.clock, self.store = Truth(), Clock(), MemoryStore()
        self.facts: list[Fact] = []
        self.registry = Registry(PLANS, tenants or (VICTIM,))
        writer = AccountWriter(
            self.store, self.registry, self.clock, self.facts.append, asyncio.Lock()
        )
        subscription_store = self.store.subscription_store
        self.follower = Follower(
            writer,
            subscription_store,
            self.clock,
            InForce(Policy(), self.registry),
            gateway=STRIPE,
            live=False,
        )
        reader = StripeWebhooks((), self.clock)
        self.post = Inbox(
            self.truth,
            reader,
            self.follower,
            subscription_store,
            self.clock,
            self.facts.append,
            _nothing,
        )

    async def comes(self, body: bytes) -> None:
        """Post an event, and process it."""
        event = stored_event(objects.message(body), body, START)
        await self.store.commit([event])
        await self.post._deliver(event.id)

    async def bought(self, page: dict[str, Any], *, customer: str = "cus_attacker") -> None:
        """Pay at a page."""
        session = {"customer": customer, "subscription": "sub_1", "metadata": {}, **page}
        await self.comes(bodies.event("checkout.session.completed", session, "evt_checkout"))

    def becomes(self, status: str, customer: str = "cus_attacker") -> bytes:
        """Change the attacker's subscription; return the event about it."""
        return self.truth.becomes(status, metadata={}, customer=customer)

    def states(self) -> set[EventState]:
        return {event.state for event in self.store.subscription_store.post.values()}


async def _nothing(_: str) -> None:
    """Report no bad usage."""


@settings(max_examples=60, deadline=None)
@given(page=PAGES, invoice=INVOICES, details=DETAILS, order=HAPPENINGS)
def test_no_payer_moves_a_tenant_by_what_he_writes(
    page: dict[str, Any], invoice: dict[str, Any], details: dict[str, Any], order: list[str]
) -> None:
    async def play() -> None:
        shop = Shop()
        for happening in order:
            match happening:
                case "checkout":
                    await shop.bought(page)
                case "invoice":
                    body: dict[str, Any] = {
                        "id": "in_1",
                        "customer": "cus_attacker",
                        "subscription": "sub_1",
                    }
                    body |= {"total": 1, "currency": "eur", "created": START_S, "livemode": False}
                    told = bodies.event("invoice.paid", body | invoice, "evt_invoice")
                    await shop.comes(told)
                case "customer":
                    gone = {"id": "cus_attacker", "metadata": {}, **details}
                    await shop.comes(bodies.event("customer.deleted", gone, "evt_customer"))
                case status:
                    await shop.comes(shop.becomes({"created": "active"}.get(status, status)))
        assert shop.registry.tenants["globex"] == VICTIM
        known = [one.tenant for one in await shop.store.subscription_store.subscriptions()]
        assert known in ([None], [])
        mirrored = await shop.store.subscription_store.customer("cus_attacker")
        assert mirrored is None or mirrored.tenant is None

    asyncio.run(play())


async def test_what_is_bought_at_a_payment_link_waits_and_its_claim_is_told() -> None:
    shop = Shop()
    await shop.comes(shop.becomes("active"))
    await shop.bought({"client_reference_id": "globex", "payment_link": "plink_1"})
    assert shop.states() == {EventState.PARKED}
    *_, taken = [fact for fact in shop.facts if isinstance(fact, EventTaken)]
    assert "`pbxbilling stripe link SUBSCRIPTION TENANT`" in taken.note
    assert "its payer claims that it is for globex, which proves nothing" in taken.note
    await shop.follower.link("sub_1", "globex", named("root"))
    linked = shop.registry.tenants["globex"]
    assert (linked.subscription, linked.plan, linked.customer) == ("sub_1", "small", "cus_attacker")


async def test_a_claim_that_is_no_tenants_name_is_not_repeated() -> None:
    shop = Shop()
    await shop.bought({"client_reference_id": "x\x1b[31m", "payment_link": "plink_1"})
    (taken,) = [fact for fact in shop.facts if isinstance(fact, EventTaken)]
    assert "payer" not in taken.note


@pytest.mark.parametrize("claimed", ["globex", "acme"])
async def test_a_customer_of_a_tenant_buys_for_that_tenant_alone(claimed: str) -> None:
    shop = Shop(VICTIM, Tenant("acme", "big", customer="cus_acme"))
    shop.becomes("active", customer="cus_acme")
    page = {"client_reference_id": claimed, "payment_link": "plink_1"}
    await shop.bought(page, customer="cus_acme")
    bought = {slug for slug, one in shop.registry.tenants.items() if one.subscription}
    assert bought == ({"acme"} if claimed == "acme" else set())
    assert shop.registry.tenants["globex"] == VICTIM


async def test_what_we_sold_is_the_tenants_whose_page_it_was() -> None:
    shop = Shop(replace(VICTIM, status=Status.INCOMPLETE, customer=None))
    shop.becomes("active", customer="cus_1")
    ours = {"client_reference_id": "globex", "metadata": {"tenant": "globex"}, "payment_link": None}
    await shop.bought(ours, customer="cus_1")
    assert shop.registry.tenants["globex"].subscription == "sub_1"
    assert shop.states() == {EventState.DONE}

"""The whole sale by the real stripe package, at our own fake of Stripe, which also fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.catalog.plan import Cycle, Plan, Prices
from pbxbilling.gateways.stripe.checkout import StripeCheckout
from pbxbilling.gateways.stripe.client import StripeApi
from pbxbilling.kernel.errors import AdministrationError, GatewayError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.subscriptions.checkout import Checkout, Offer
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.manage import Subscriptions
from rig.fakestripe import FakeStripe, Fault
from tests.support.kernel.actors import named
from tests.support.store.memory_store import MemoryStore
from tests.support.subscriptions.shop import PAGES

EFFECTS = ("customer", "checkout.session", "subscription")


class Counter:
    """Checkout over a real client; a `hasty` one allows it half a second."""

    def __init__(self, fake: FakeStripe, api: StripeApi) -> None:
        plan = Plan(
            "starter",
            currency="EUR",
            prices={Cycle.MONTH: 2900, Cycle.YEAR: 31300},
            gateway_prices={
                STRIPE: Prices(
                    flat=fake.create_price(2900),
                    yearly=fake.create_price(31300, interval="year"),
                    metered=fake.create_price(50, meter=fake.create_meter()),
                    setup=fake.create_price(24900, interval=None),
                )
            },
        )
        acme = Tenant("acme", "starter", email="billing@acme.example", status=Status.INCOMPLETE)
        self.fake = fake
        self.registry = Registry([plan], [acme])
        store, clock = MemoryStore(), SystemClock()
        subscription_store = store.subscription_store
        writer = AccountWriter(store, self.registry, clock, lambda _: None, asyncio.Lock())
        in_force = InForce(Policy(), self.registry)
        follower = Follower(writer, subscription_store, clock, in_force, gateway=STRIPE, live=False)

        def over(checkout_gateway: StripeCheckout) -> tuple[Checkout, Subscriptions]:
            parts = checkout_gateway, writer, subscription_store, follower
            return (
                Checkout(*parts, clock, in_force, PAGES),
                Subscriptions(*parts, clock, _nothing_waits, lambda _: 0),
            )

        self.checkout, self.subscriptions = over(StripeCheckout(api, clock))
        self.hasty = over(StripeCheckout(api, clock, patience_s=0.5))

    async def sell(self, cycle: Cycle = Cycle.MONTH) -> Offer:
        return await self.checkout.checkout("acme", "starter", cycle, named("alice"))

    async def fail_to_sell(self) -> None:
        """Fail to sell within a short time."""
        checkout, _ = self.hasty
        with pytest.raises(GatewayError):
            await checkout.checkout("acme", "starter", Cycle.MONTH, named("alice"))

    async def fail_to_end(self) -> None:
        _, subscriptions = self.hasty
        with pytest.raises(GatewayError, match="end of subscription sub_"):
            await subscriptions.cancel("acme", named("alice"), now=True)

    def pay(self) -> str:
        (page,) = [one for one in self.fake.all("checkout.session") if one["status"] == "open"]
        return self.fake.complete(page["id"])

    def made(self) -> list[int]:
        return [len(self.fake.all(kind)) for kind in EFFECTS]


@pytest.fixture
def counter(fake: FakeStripe, api: StripeApi) -> Counter:
    return Counter(fake, api)


async def test_two_clicks_at_once_make_one_customer_and_one_page(counter: Counter) -> None:
    offers = await asyncio.gather(*(counter.sell() for _ in range(5)))
    assert len({offer.url for offer in offers}) == 1
    assert counter.made() == [1, 1, 0]


async def test_two_different_clicks_leave_one_page_to_pay_at(counter: Counter) -> None:
    await asyncio.gather(counter.sell(), counter.sell(Cycle.YEAR))
    states = sorted(one["status"] for one in counter.fake.all("checkout.session"))
    assert states == ["expired", "open"]


async def test_what_was_paid_a_moment_ago_is_not_sold_again(counter: Counter) -> None:
    await counter.sell()
    bought = counter.pay()
    with pytest.raises(AdministrationError, match=f"has subscription {bought}, which is trial"):
        await counter.sell()
    acme = counter.registry.tenants["acme"]
    assert (acme.status, acme.subscription) == (Status.TRIAL, bought)
    assert acme.setup_paid_at is not None


async def test_an_end_now_opens_the_counter_again(counter: Counter) -> None:
    first = await counter.sell()
    counter.pay()
    with pytest.raises(AdministrationError):
        await counter.sell()
    await counter.subscriptions.cancel("acme", named("alice"), now=True)
    assert counter.registry.tenants["acme"].status is Status.CANCELLED
    again = await counter.sell()
    assert (again.customer, again.trial_days, again.with_setup) == (first.customer, 0, False)


async def test_a_deleted_customer_is_replaced(counter: Counter) -> None:
    first = await counter.sell()
    counter.fake.delete_customer(first.customer)
    second = await counter.sell()
    assert second.customer != first.customer
    assert counter.registry.tenants["acme"].customer == second.customer


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/checkout/sessions"])
async def test_after_any_fault_the_next_click_sells_once(
    counter: Counter, fault: Fault, path: str
) -> None:
    counter.fake.break_api(fault, path)
    await counter.fail_to_sell()
    counter.fake.mend_api()
    await counter.sell()
    assert counter.made() == [1, 1, 0]


@pytest.mark.parametrize("fault", list(Fault))
async def test_an_end_that_failed_can_be_asked_for_again(counter: Counter, fault: Fault) -> None:
    await counter.sell()
    bought = counter.pay()
    with pytest.raises(AdministrationError):
        await counter.sell()
    counter.fake.break_api(fault)
    await counter.fail_to_end()
    assert counter.registry.tenants["acme"].subscription == bought
    counter.fake.mend_api()
    await counter.subscriptions.cancel("acme", named("alice"), now=True)
    assert counter.registry.tenants["acme"].status is Status.CANCELLED


async def test_a_price_that_stripe_does_not_know_sells_nothing(counter: Counter) -> None:
    plan = counter.registry.plans["starter"]
    counter.registry.put_plan(
        replace(plan, gateway_prices={STRIPE: replace(plan.prices_at(STRIPE), flat="price_gone")})
    )
    with pytest.raises(GatewayError, match="plan starter for tenant acme: No such price"):
        await counter.sell()
    assert counter.made()[1:] == [0, 0]


async def _nothing_waits(slug: str) -> int:
    del slug
    return 0

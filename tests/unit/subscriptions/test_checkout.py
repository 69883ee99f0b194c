"""Selling: which plan to which tenant, only once, and each refusal with a fix."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pbxbilling.accounts.terms.status import Status
from pbxbilling.catalog.plan import SOLD_CYCLES, Cycle, Prices
from pbxbilling.kernel.errors import AdministrationError, GatewayError, NotFoundError, StoreError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.subscriptions.order import OrderLine, SalePages, Wish
from tests.support.kernel.actors import named
from tests.support.subscriptions.records import customer
from tests.support.subscriptions.shop import ACME, STARTER, Shop

PAST = datetime(2026, 3, 1, tzinfo=UTC)
AWAY = GatewayError("checkout: Stripe did not answer within 6 s", away=True)


async def buy(shop: Shop, cycle: Cycle = Cycle.MONTH) -> None:
    await shop.checkout.checkout("acme", "starter", cycle, named("alice"))


async def test_a_month_has_its_price_the_usage_and_the_fee_once() -> None:
    shop = Shop()
    offer = await shop.checkout.checkout("acme", "starter", Cycle.MONTH, named("alice"))
    page, order = shop.checkout_gateway.pages["cs_1"]
    assert order.lines == (
        OrderLine("price_month"),
        OrderLine("price_usage", metered=True),
        OrderLine("price_setup"),
    )
    assert (offer.url, offer.expires_at, offer.customer) == (page.url, page.expires_at, "cus_1")
    assert (offer.trial_days, offer.with_setup, offer.live) == (14, True, False)
    assert (order.success_url, order.cancel_url) == (
        "https://provider.example/done",
        "https://provider.example/back",
    )


@pytest.mark.parametrize("cycle", Cycle)
async def test_each_cycle_has_its_own_price(cycle: Cycle) -> None:
    ids = {key: f"price_{key}" for key in SOLD_CYCLES.values()}
    shop = Shop(plan=replace(STARTER, gateway_prices={STRIPE: Prices(**ids, setup="s")}))
    await buy(shop, cycle)
    first = shop.checkout_gateway.pages["cs_1"][1].lines[0]
    assert first == OrderLine(f"price_{SOLD_CYCLES[cycle]}")


async def test_whoever_paid_the_fee_pays_it_no_more() -> None:
    shop = Shop(replace(ACME, setup_paid_at=PAST))
    await buy(shop)
    _, order = shop.checkout_gateway.pages["cs_1"]
    assert not order.with_setup
    assert OrderLine("price_setup") not in order.lines


@pytest.mark.parametrize(
    "known", [{"trial_until": PAST}, {"status": Status.TRIAL}, {"subscription": "sub_0"}]
)
async def test_nobody_has_a_second_trial(known: dict[str, object]) -> None:
    shop = Shop(replace(ACME, **known))  # type: ignore[arg-type]
    await buy(shop)
    assert shop.checkout_gateway.pages["cs_1"][1].trial_days == 0


async def test_a_subscription_that_is_over_was_a_start_too() -> None:
    shop = Shop()
    await shop.subscribe(Status.CANCELLED)
    await buy(shop)
    assert shop.checkout_gateway.pages["cs_1"][1].trial_days == 0


async def test_two_clicks_at_once_make_one_customer_and_one_page() -> None:
    shop = Shop()
    await asyncio.gather(buy(shop), buy(shop))
    assert list(shop.checkout_gateway.customers) == ["cus_1"]
    assert list(shop.checkout_gateway.pages) == ["cs_1"]
    assert shop.acme.customer == "cus_1"
    assert shop.store.tenants["acme"].customer == "cus_1"
    assert shop.store.subscription_store.customers["cus_1"].tenant == "acme"


async def test_of_two_different_orders_only_the_last_can_be_paid() -> None:
    shop = Shop()
    await buy(shop)
    await buy(shop, Cycle.YEAR)
    assert shop.checkout_gateway.withdrawn == ["cs_1"]


async def test_a_checkout_page_about_to_expire_is_replaced() -> None:
    shop = Shop()
    await buy(shop)
    shop.clock.passed_s = 23.5 * 3600
    await buy(shop)
    assert (shop.checkout_gateway.withdrawn, list(shop.checkout_gateway.pages)) == (
        ["cs_1"],
        ["cs_1", "cs_2"],
    )


async def test_a_deleted_customer_is_replaced_and_stays_so() -> None:
    shop = Shop()
    await shop.store.commit([customer("cus_0")])
    ended = await shop.subscribe(Status.CANCELLED, customer="cus_0")
    assert shop.acme.customer == "cus_0"
    await buy(shop)
    assert shop.acme.customer == "cus_1"
    assert shop.store.subscription_store.customers["cus_0"].deleted
    await shop.follower.apply_snapshot(ended)
    assert shop.acme.customer == "cus_1"


async def test_what_was_done_is_audited_with_its_actor() -> None:
    shop = Shop()
    await buy(shop)
    await shop.checkout.portal("acme", named("bob"))
    made, sold, portal = shop.store.audited
    assert (made.actor, made.after) == ("alice", {"customer": "cus_1"})
    assert (sold.actor, sold.action, sold.subject) == ("alice", "checkout", "tenant acme")
    assert sold.after == {
        "plan": "starter",
        "cycle": "month",
        "customer": "cus_1",
        "checkout": "cs_1",
        "trial_days": 14,
        "setup": True,
    }
    assert (portal.actor, portal.action, portal.after) == ("bob", "portal", {"customer": "cus_1"})


# --- refusals ---------------------------------------------------------------------------------


async def refused(shop: Shop, cycle: Cycle = Cycle.MONTH) -> str:
    with pytest.raises(AdministrationError) as told:
        await buy(shop, cycle)
    assert not shop.checkout_gateway.pages
    return str(told.value)


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.TRIAL, Status.PAST_DUE, Status.READ_ONLY])
async def test_a_running_subscription_is_not_sold_again(status: Status) -> None:
    shop = Shop()
    await shop.subscribe(status)
    told = await refused(shop)
    assert f"tenant acme has subscription sub_1, which is {status}" in told
    assert "`pbxbilling stripe portal acme`" in told


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.INCOMPLETE])
async def test_a_subscription_that_only_stripe_knows_of_counts(status: Status) -> None:
    shop = Shop()
    await buy(shop)
    shop.bought(status)
    with pytest.raises(AdministrationError, match="tenant acme has subscription sub_1"):
        await buy(shop)
    assert shop.acme.status is status
    assert shop.acme.subscription == "sub_1"


async def test_unknown_names_are_told() -> None:
    shop = Shop()
    with pytest.raises(NotFoundError, match="tenant 'nobody' is unknown"):
        await shop.checkout.checkout("nobody", "starter", Cycle.MONTH, named("alice"))
    with pytest.raises(NotFoundError, match="plan 'gold' is unknown"):
        await shop.checkout.checkout("acme", "gold", Cycle.MONTH, named("alice"))


async def test_a_demo_tenant_buys_nothing() -> None:
    shop = Shop(replace(ACME, demo=True, customer="cus_1"))
    assert "tenant acme is a demo" in await refused(shop)
    with pytest.raises(AdministrationError, match="tenant acme is a demo"):
        await shop.checkout.portal("acme", named("alice"))


async def test_a_deactivated_plan_is_not_sold() -> None:
    assert "plan starter is deactivated" in await refused(Shop(plan=replace(STARTER, active=False)))


@pytest.mark.parametrize(
    ("prices", "cycle", "key"),
    [
        (Prices(yearly="y", setup="s"), Cycle.MONTH, "flat"),
        (Prices(flat="f", setup="s"), Cycle.YEAR, "yearly"),
        (Prices(flat="f"), Cycle.MONTH, "setup"),
    ],
)
async def test_a_missing_price_names_plan_and_key(prices: Prices, cycle: Cycle, key: str) -> None:
    told = await refused(Shop(plan=replace(STARTER, gateway_prices={STRIPE: prices})), cycle)
    assert told.startswith(f"plan starter has no {key} price at Stripe: ")
    assert f"stripe_prices = {{ {key} = " in told
    assert "[plan.starter]" in told


@pytest.mark.parametrize("key", ["success_url", "cancel_url"])
async def test_without_pages_it_says_what_to_set(key: str) -> None:
    pages = SalePages("https://a.example", "https://b.example")
    without = replace(pages, **{key: ""})  # type: ignore[arg-type]
    assert f"set {key} = " in await refused(Shop(pages=without))


async def test_the_portal_is_for_customers() -> None:
    with pytest.raises(AdministrationError, match="tenant acme has not bought anything"):
        await Shop().checkout.portal("acme", named("alice"))
    shop = Shop(replace(ACME, customer="cus_1"), pages=SalePages())
    with pytest.raises(AdministrationError, match="set portal_return_url = "):
        await shop.checkout.portal("acme", named("alice"))


# --- failures half-way ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call", ["create_customer", "open_checkouts", "checkout", "customer", "subscriptions_of"]
)
async def test_a_gateway_that_fails_leaves_nothing_half_done(call: str) -> None:
    shop = Shop()
    if call in ("customer", "subscriptions_of"):
        await buy(shop)
    shop.checkout_gateway.fault, shop.checkout_gateway.failing = AWAY, frozenset({call})
    with pytest.raises(GatewayError, match="did not answer"):
        await buy(shop)
    shop.checkout_gateway.fault = None
    await buy(shop)
    assert (list(shop.checkout_gateway.customers), list(shop.checkout_gateway.pages)) == (
        ["cus_1"],
        ["cs_1"],
    )


async def test_a_store_that_fails_gives_no_link() -> None:
    shop = Shop()
    shop.store.fault = StoreError("full")
    with pytest.raises(StoreError):
        await buy(shop)
    assert not shop.checkout_gateway.pages
    assert shop.acme.customer is None


async def test_a_request_may_choose_pages_on_known_hosts_and_the_days_of_trial() -> None:
    shop = Shop()
    wish = Wish(3, "https://provider.example/thanks", "https://PROVIDER.example/no")
    offer = await shop.checkout.checkout("acme", "starter", Cycle.MONTH, named("alice"), wish)
    _, order = shop.checkout_gateway.pages["cs_1"]
    assert (order.success_url, order.cancel_url) == (wish.success_url, wish.cancel_url)
    assert offer.trial_days == 3


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/done",
        "https://provider.example.evil.example/done",
        "https://provider.example@evil.example/done",
        "https://provider.example:8443/done",
        "javascript:alert(1)",
        "//provider.example/done",
        "/done",
        "",
    ],
)
async def test_a_page_elsewhere_is_refused_with_the_hosts_that_are_known(url: str) -> None:
    for wish in (Wish(success_url=url), Wish(cancel_url=url)):
        shop = Shop()
        with pytest.raises(AdministrationError, match=r"a page on one of provider\.example"):
            await shop.checkout.checkout("acme", "starter", Cycle.MONTH, named("alice"), wish)
        assert not shop.checkout_gateway.pages
    customer = Shop(replace(ACME, customer="cus_1"))
    with pytest.raises(AdministrationError, match="expected a page on one of"):
        await customer.checkout.portal("acme", named("alice"), url)


def test_our_own_host_is_known_without_any_page() -> None:
    pages = SalePages(own_hosts=frozenset({"billing.provider.example"}))
    assert pages.checked("https://billing.provider.example/my")
    with pytest.raises(AdministrationError, match="none, as no page is configured"):
        SalePages().checked("https://billing.provider.example/my")

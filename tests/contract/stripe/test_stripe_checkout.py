"""Buying and cancelling by the real stripe package, at our own fake of Stripe."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Cycle
from pbxbilling.gateways.stripe.checkout import StripeCheckout
from pbxbilling.gateways.stripe.client import StripeApi
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.subscriptions.order import Order, OrderLine
from rig.fakestripe import FakeStripe, Fault

ACME = Tenant("acme", "starter", name="Acme Inc.", email="billing@acme.example", tax_exempt=True)


@pytest.fixture
def checkout_gateway(api: StripeApi) -> StripeCheckout:
    return StripeCheckout(api, SystemClock())


def order(fake: FakeStripe, customer: str, **changed: object) -> Order:
    flat, metered = fake.create_price(), fake.create_price(50, meter=fake.create_meter())
    setup = fake.create_price(24900, interval=None)
    whole = Order(
        tenant="acme",
        customer=customer,
        plan="starter",
        cycle=Cycle.MONTH,
        lines=(OrderLine(flat), OrderLine(metered, metered=True), OrderLine(setup)),
        success_url="https://provider.example/done",
        cancel_url="https://provider.example/back",
        with_setup=True,
    )
    return replace(whole, **changed)  # type: ignore[arg-type]


async def test_a_customer_carries_its_tenant(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    made = await checkout_gateway.create_customer(ACME)
    kept = fake.get(made.id)
    assert (made.tenant, made.email, made.live) == ("acme", "billing@acme.example", False)
    assert (kept["name"], kept["metadata"], kept["tax_exempt"]) == (
        "Acme Inc.",
        {"tenant": "acme"},
        "exempt",
    )
    assert await checkout_gateway.customer(made.id) == made


async def test_a_lost_answer_makes_no_second_customer(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    fake.break_api(Fault.ANSWER_LOST, "/v1/customers", times=1)
    with pytest.raises(GatewayError) as lost:
        await checkout_gateway.create_customer(ACME)
    made = await checkout_gateway.create_customer(ACME)
    assert lost.value.away
    assert [one["id"] for one in fake.all("customer")] == [made.id]


async def test_a_deleted_customer_gets_a_successor(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    first = await checkout_gateway.create_customer(ACME)
    fake.delete_customer(first.id)
    assert await checkout_gateway.customer(first.id) is None
    second = await checkout_gateway.create_customer(replace(ACME, customer=first.id))
    assert second.id != first.id


async def test_a_customer_of_the_other_mode_is_none(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    assert await checkout_gateway.customer(fake.create_customer(livemode=True)) is None
    assert await checkout_gateway.customer("cus_none") is None


async def test_a_checkout_names_its_tenant_in_all_three_places(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    customer = await checkout_gateway.create_customer(ACME)
    wanted = order(fake, customer.id, trial_days=14)
    page = await checkout_gateway.checkout(wanted)
    (session,) = fake.all("checkout.session")
    (asked,) = fake.asked("POST", "/v1/checkout/sessions")
    told = {"tenant": "acme", "plan": "starter", "cycle": "month", "setup": "1"}
    assert session["client_reference_id"] == "acme"
    assert session["metadata"] == {**told, "order": checkout_gateway.fingerprint(wanted)}
    assert asked.params["subscription_data"]["metadata"] == told
    assert asked.params["subscription_data"]["trial_period_days"] == "14"
    flat, metered, setup = wanted.lines
    assert asked.params["line_items"] == [
        {"price": flat.price, "quantity": "1"},
        {"price": metered.price},
        {"price": setup.price, "quantity": "1"},
    ]
    assert page.url == session["url"]
    assert page.expires_at == datetime.fromtimestamp(session["created"], UTC) + timedelta(days=1)
    bought = fake.get(fake.complete(page.id))
    assert (bought["status"], bought["metadata"]) == ("trialing", told)


async def test_open_pages_are_found_until_withdrawn_or_paid(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    customer = await checkout_gateway.create_customer(ACME)
    monthly = order(fake, customer.id)
    pages = [await checkout_gateway.checkout(one) for one in (monthly, monthly, monthly)]
    await checkout_gateway.withdraw(pages[0].id)
    fake.complete(pages[1].id)
    (found,) = await checkout_gateway.open_checkouts(customer.id)
    assert found == pages[2]
    assert found.order == checkout_gateway.fingerprint(monthly)
    assert found.order != checkout_gateway.fingerprint(replace(monthly, trial_days=3))


async def test_subscriptions_that_are_over_are_left_out(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    customer, price = fake.create_customer(), fake.create_price()
    running, unpaid = fake.subscribe(customer, price), fake.subscribe(customer, price, paid=False)
    fake.cancel(fake.subscribe(customer, price))
    fake.change(fake.subscribe(customer, price, paid=False), status="incomplete_expired")
    found = {one.id: one.status for one in await checkout_gateway.subscriptions_of(customer)}
    assert found == {running: Status.ACTIVE, unpaid: Status.INCOMPLETE}


async def test_a_portal_is_for_a_customer(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    url = await checkout_gateway.portal(fake.create_customer(), "https://provider.example/account")
    assert url.startswith("https://billing.stripe.invalid/p/session/")
    with pytest.raises(GatewayError, match="portal for customer cus_none: No such customer"):
        await checkout_gateway.portal("cus_none", "https://provider.example/account")


async def test_an_end_at_the_periods_end_is_asked_for_and_taken_back(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    bought = fake.subscribe(fake.create_customer(), fake.create_price())
    ending = await checkout_gateway.cancel_at_period_end(bought, on=True)
    assert (ending.status, ending.cancel_at_period_end) == (Status.ACTIVE, True)
    going_on = await checkout_gateway.cancel_at_period_end(bought, on=False)
    assert not going_on.cancel_at_period_end


async def test_a_year_with_usage_by_the_month_ends_with_the_year(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    yearly = fake.create_price(9900, interval="year")
    metered = fake.create_price(50, meter=fake.create_meter())
    bought = fake.subscribe(fake.create_customer(), yearly, metered)
    await checkout_gateway.cancel_at_period_end(bought, on=True)
    (asked,) = fake.asked("POST", f"/v1/subscriptions/{bought}")
    assert asked.params == {"cancel_at": "max_period_end"}


async def test_an_end_at_once_bills_the_last_usage(
    checkout_gateway: StripeCheckout, fake: FakeStripe
) -> None:
    bought = fake.subscribe(fake.create_customer(), fake.create_price())
    ended = await checkout_gateway.cancel_now(bought)
    (asked,) = fake.asked("DELETE", f"/v1/subscriptions/{bought}")
    assert ended.status is Status.CANCELLED
    assert asked.params == {"invoice_now": "true", "prorate": "false"}
    assert (await checkout_gateway.cancel_now(bought)).status is Status.CANCELLED


@pytest.mark.parametrize("fault", list(Fault))
async def test_every_fault_of_the_api_is_reported(
    api: StripeApi, fake: FakeStripe, fault: Fault
) -> None:
    checkout_gateway, customer = (
        StripeCheckout(api, SystemClock(), patience_s=0.5),
        fake.create_customer(),
    )
    fake.break_api(fault)
    with pytest.raises(GatewayError, match="checkout of plan starter for tenant acme: ") as told:
        await checkout_gateway.checkout(order(fake, customer))
    assert told.value.away

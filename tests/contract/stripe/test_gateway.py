"""Fetching subscriptions and events with the real stripe package, from our fake and localstripe."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from pbxbilling.accounts.terms.status import Status
from pbxbilling.gateways.stripe import objects
from pbxbilling.gateways.stripe.client import StripeApi
from pbxbilling.gateways.stripe.gateway import FETCH_S, PAGE, StripeGateway
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.subscriptions.events import WebhookEvent
from pbxbilling.subscriptions.ports import Page
from pbxbilling.subscriptions.subscription import Subscription
from rig.fakestripe import LIVE_KEY, TEST_KEY, FakeStripe, Fault
from rig.localstripe import DECLINED_CARD, LocalStripe
from rig.localstripe import KEY as LOCAL_KEY
from tests.support.gateways.stripe.clients import api_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WRONG_KEY = "sk_test_of_somebody_else"

T = TypeVar("T")


@asynccontextmanager
async def gateway_of(url: str, key: str) -> AsyncIterator[StripeGateway]:
    async with api_of(url, key) as api:
        yield StripeGateway(api, SystemClock())


@pytest.fixture
def gateway(api: StripeApi) -> StripeGateway:
    return StripeGateway(api, SystemClock())


async def every_subscription(gateway: StripeGateway) -> tuple[list[Subscription], int]:
    """Return all of them, and the number of pages."""
    page = await gateway.subscriptions(None)
    found, pages = list(page.items), 1
    while page.after is not None:
        page = await gateway.subscriptions(page.after)
        found += page.items
        pages += 1
    return found, pages


def same(one: Page[T], *items: T) -> bool:
    return (list(one.items), one.after, list(one.faults)) == (list(items), None, [])


async def test_a_subscription_is_as_it_was_when_stripe_answered(
    gateway: StripeGateway, fake: FakeStripe
) -> None:
    fake.clock.set(NOON)
    customer, price = fake.create_customer(), fake.create_price()
    bought = fake.subscribe(customer, price, metadata={"tenant": "acme"})
    fake.change_period(bought, NOON, NOON + timedelta(days=30))
    fake.clock.set(NOON + timedelta(minutes=1))
    assert await gateway.subscription(bought) == Subscription(
        id=bought,
        customer=customer,
        status=Status.ACTIVE,
        prices=(price,),
        created_at=NOON,
        as_of=NOON + timedelta(minutes=1),
        live=False,
        tenant="acme",
        status_since=NOON + timedelta(minutes=1),
        period_start=NOON,
        period_end=NOON + timedelta(days=30),
        anchored_at=NOON,
    )


async def test_one_that_is_not_there_is_none(gateway: StripeGateway, fake: FakeStripe) -> None:
    customer = fake.create_customer(livemode=True)
    of_the_other_mode = fake.subscribe(customer, fake.create_price(livemode=True))
    assert await gateway.subscription("sub_none") is None
    assert await gateway.subscription(of_the_other_mode) is None


async def test_a_status_that_is_new_is_an_error_that_names_it(
    gateway: StripeGateway, fake: FakeStripe
) -> None:
    bought = fake.subscribe(fake.create_customer(), fake.create_price())
    fake.change(bought, status="dormant")
    with pytest.raises(GatewayError, match=f"{bought}.*'dormant'") as refused:
        await gateway.subscription(bought)
    assert not refused.value.away


async def test_pages_hold_every_subscription_once_ended_ones_too(
    gateway: StripeGateway, fake: FakeStripe
) -> None:
    customer, price = fake.create_customer(), fake.create_price()
    made = [fake.subscribe(customer, price) for _ in range(PAGE + 5)]
    fake.cancel(made[3])
    found, pages = await every_subscription(gateway)
    assert pages == 2
    assert sorted(one.id for one in found) == sorted(made)
    assert [one.id for one in found if one.is_over] == [made[3]]


@pytest.mark.parametrize("status", ["void", "uncollectible"])
async def test_an_invoice_that_is_given_up_is_unpaid_no_more(
    gateway: StripeGateway, fake: FakeStripe, status: str
) -> None:
    fake.clock.set(NOON)
    bought = fake.subscribe(fake.create_customer(), fake.create_price())
    declined = fake.renew(bought, paid=False)
    (unpaid,) = (await gateway.unpaid_invoices(None)).items
    assert (unpaid.id, unpaid.status, unpaid.as_of) == (
        declined,
        "open",
        NOON - timedelta(seconds=1),
    )
    fake.give_up_invoice(declined, status)
    assert (await gateway.unpaid_invoices(None)).items == []
    found = await gateway.invoice(declined)
    assert found is not None
    assert (found.status, found.as_of) == (status, NOON)
    assert await gateway.invoice("in_none") is None
    (event,) = (await gateway.events(NOON - timedelta(hours=1), None)).items[:1]
    told = objects.message(event.body).invoice
    assert told is not None
    assert (told.id, told.status) == (declined, status)


async def test_a_listed_picture_is_dated_before_the_answer(
    gateway: StripeGateway, fake: FakeStripe
) -> None:
    fake.clock.set(NOON)
    bought = fake.subscribe(fake.create_customer(), fake.create_price())
    (listed,) = (await gateway.subscriptions(None)).items
    fetched = await gateway.subscription(bought)
    assert fetched is not None
    assert (listed.as_of, fetched.as_of) == (NOON - timedelta(seconds=1), NOON)
    assert fetched.followed_by(listed) == fetched


async def test_one_that_cannot_be_read_keeps_no_other_off_its_page(
    gateway: StripeGateway, fake: FakeStripe
) -> None:
    customer, price = fake.create_customer(), fake.create_price()
    good, bad = (fake.subscribe(customer, price) for _ in range(2))
    fake.change(bad, status="dormant")
    page = await gateway.subscriptions(None)
    assert [one.id for one in page.items] == [good]
    (fault,) = page.faults
    assert bad in fault
    assert "dormant" in fault


async def test_events_since_a_time_are_those_that_the_webhook_would_have_brought(
    gateway: StripeGateway, fake: FakeStripe
) -> None:
    fake.clock.set(NOON)
    bought = fake.subscribe(fake.create_customer(), fake.create_price())
    fake.clock.set(NOON + timedelta(minutes=5))
    fake.change(bought, status="past_due")
    happened = fake.events("customer.subscription.updated")[-1]
    (event,) = (await gateway.events(NOON + timedelta(minutes=5), None)).items
    assert (event.id, event.kind, event.about) == (
        happened["id"],
        "customer.subscription.updated",
        bought,
    )
    assert (event.created_at, event.live) == (NOON + timedelta(minutes=5), False)
    all_kinds = {one.kind for one in (await gateway.events(NOON, None)).items}
    assert "customer.created" not in all_kinds
    assert {"customer.subscription.created", "invoice.paid"} < all_kinds


async def test_events_come_in_pages_too(gateway: StripeGateway, fake: FakeStripe) -> None:
    fake.clock.set(NOON)
    bought = fake.subscribe(fake.create_customer(), fake.create_price())
    for number in range(PAGE):
        fake.change(bought, metadata={"number": str(number)})
    webhook_events: list[WebhookEvent] = []
    page = await gateway.events(NOON, None)
    while page.after is not None:
        webhook_events += page.items
        page = await gateway.events(NOON, page.after)
    webhook_events += page.items
    assert len(webhook_events) > PAGE
    assert len({one.id for one in webhook_events}) == len(webhook_events)


async def test_there_may_be_nothing(gateway: StripeGateway) -> None:
    assert same(await gateway.subscriptions(None))
    assert same(await gateway.events(NOON, None))


async def test_a_key_tells_which_money_it_moves(fake: FakeStripe) -> None:
    customer = fake.create_customer(livemode=True)
    bought = fake.subscribe(customer, fake.create_price(livemode=True))
    async with gateway_of(fake.url, LIVE_KEY) as gateway:
        found = await gateway.subscription(bought)
    assert found is not None
    assert (gateway.live, found.live) == (True, True)


# --- a Stripe that does not answer, or badly ----------------------------------------------------


def told(fault: GatewayError) -> str:
    """Return all that a log could show of an error, its causes too."""
    return "".join(traceback.format_exception(fault))


@pytest.mark.parametrize("fault", [each for each in Fault if each is not Fault.ANSWER_LOST])
async def test_a_stripe_that_cannot_serve_is_away_and_then_back(
    gateway: StripeGateway, fake: FakeStripe, fault: Fault
) -> None:
    bought = fake.subscribe(fake.create_customer(), fake.create_price())
    fake.break_api(fault)
    with pytest.raises(GatewayError, match=f"^subscription {bought}: Stripe ") as failed:
        await gateway.subscription(bought)
    assert failed.value.away
    assert TEST_KEY not in told(failed.value)
    fake.mend_api()
    assert await gateway.subscription(bought) is not None


async def test_a_fetch_is_given_up_before_a_call_would_wait_for_it(
    gateway: StripeGateway, fake: FakeStripe
) -> None:
    fake.break_api(Fault.SLOW)
    with pytest.raises(GatewayError, match=f"did not answer within {FETCH_S:g} s: try again later"):
        await gateway.subscription("sub_1")
    assert FETCH_S < 1


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.NONSENSE, Fault.ERROR, Fault.RATE_LIMITED])
async def test_lists_fail_whole(gateway: StripeGateway, fake: FakeStripe, fault: Fault) -> None:
    fake.break_api(fault)
    with pytest.raises(GatewayError, match=r"^list of subscriptions: Stripe ") as one:
        await gateway.subscriptions(None)
    with pytest.raises(GatewayError, match=r"^list of events: Stripe ") as other:
        await gateway.events(NOON, None)
    assert one.value.away
    assert other.value.away
    assert TEST_KEY not in told(one.value) + told(other.value)


async def test_a_wrong_key_is_reported_without_being_shown(fake: FakeStripe) -> None:
    async with gateway_of(fake.url, WRONG_KEY) as gateway:
        with pytest.raises(GatewayError, match=r"refuses the key.*secret_key_file") as refused:
            await gateway.subscription("sub_1")
    assert not refused.value.away
    assert WRONG_KEY not in told(refused.value)


# --- a third party's Stripe -----------------------------------------------------------------------


@pytest.fixture
async def foreign(local: LocalStripe) -> AsyncIterator[StripeGateway]:
    async with gateway_of(local.url, LOCAL_KEY) as made:
        yield made


async def test_localstripes_subscriptions_are_read(
    foreign: StripeGateway, local: LocalStripe
) -> None:
    customer, bought = local.subscribed_tenant("acme")
    found = await foreign.subscription(bought)
    assert found is not None
    assert (found.customer, found.tenant, found.status) == (customer, "acme", Status.ACTIVE)
    assert found.period_start is not None
    assert found.period_end is not None
    assert timedelta(days=27) < found.period_end - found.period_start < timedelta(days=32)
    assert abs(found.as_of - SystemClock().now()) < timedelta(minutes=1)


async def test_localstripes_declined_card_and_end_are_read(
    foreign: StripeGateway, local: LocalStripe
) -> None:
    customer = local.create_customer()
    local.add_card(customer, DECLINED_CARD)
    declined = local.subscribe(customer, local.create_plan(), "acme")
    _, over = local.subscribed_tenant("globex")
    local.cancel_now(over)
    one, other = await foreign.subscription(declined), await foreign.subscription(over)
    assert one is not None
    assert other is not None
    assert (one.status, other.status) == (Status.INCOMPLETE, Status.CANCELLED)
    listed = {each.id: each.status for each in (await every_subscription(foreign))[0]}
    assert listed[declined] is Status.INCOMPLETE
    assert listed[over] is Status.CANCELLED

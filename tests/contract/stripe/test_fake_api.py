"""What the fake refuses, remembers and lists, as Stripe does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from rig.fakestripe import LIVE_KEY, TEST_KEY, FakeStripe, Fault
from rig.waiting import patience_s
from tests.support.gateways.stripe.clients import client_of

CHECKOUT: Any = {"mode": "subscription", "success_url": "https://provider.example/done"}


def _checkout(client: stripe.StripeClient, *lines: dict[str, Any], **more: Any) -> Any:
    params: Any = {**CHECKOUT, "line_items": list(lines), **more}
    return client.v1.checkout.sessions.create(params)


def test_a_wrong_key_is_refused(fake: FakeStripe) -> None:
    with (
        client_of(fake.url, "sk_test_somebody_else") as stranger,
        pytest.raises(stripe.AuthenticationError),
    ):
        stranger.v1.accounts.retrieve_current()


def test_a_key_sees_its_own_mode_alone(fake: FakeStripe, client: stripe.StripeClient) -> None:
    live = fake.create_price(livemode=True)
    with pytest.raises(
        stripe.InvalidRequestError, match="exists in live mode, but a test mode key"
    ):
        client.v1.prices.retrieve(live)
    with client_of(fake.url, LIVE_KEY) as other:
        assert other.v1.prices.retrieve(live).livemode
    assert TEST_KEY != LIVE_KEY


def test_what_the_path_names_is_404_and_what_a_parameter_names_400(
    client: stripe.StripeClient,
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as in_path:
        client.v1.subscriptions.retrieve("sub_none")
    assert (in_path.value.http_status, in_path.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as in_params:
        client.v1.billing_portal.sessions.create({"customer": "cus_none"})
    assert (in_params.value.http_status, in_params.value.param) == (400, "customer")


def test_a_metered_price_takes_no_quantity_and_any_other_needs_one(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    metered = fake.create_price(10, meter=fake.create_meter())
    with pytest.raises(stripe.InvalidRequestError, match="metered"):
        _checkout(client, {"price": metered, "quantity": 1})
    with pytest.raises(stripe.InvalidRequestError, match="Quantity is required"):
        _checkout(client, {"price": fake.create_price()})


def test_a_checkout_needs_active_prices_of_one_currency_and_a_recurring_one(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    flat = fake.create_price()
    gone = fake.create_price()
    fake.deactivate_price(gone)
    dollars, once = fake.create_price(currency="usd"), fake.create_price(interval=None)
    for lines, why in (
        ([gone], "inactive"),
        ([flat, dollars], "same currency"),
        ([once], "at least one recurring"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=why):
            _checkout(client, *({"price": price, "quantity": 1} for price in lines))


def test_a_parameter_that_the_package_does_not_know_is_refused(client: stripe.StripeClient) -> None:
    params: Any = {"tenant": "acme"}
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: tenant"):
        client.v1.customers.create(params)


def test_a_parameter_that_would_be_ignored_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.APIError, match="takes no notice of preferred_locales"):
        client.v1.customers.create({"preferred_locales": ["de"]})


def test_it_ends_with_its_shortest_period_or_with_the_longest_or_not(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    fake.clock.set(datetime(2026, 1, 31, tzinfo=UTC))
    yearly, metered = (
        fake.create_price(interval="year"),
        fake.create_price(meter=fake.create_meter()),
    )
    made = fake.subscribe(fake.create_customer(), yearly, metered)

    def ends(**asked: Any) -> tuple[bool, datetime | None]:
        params: Any = asked
        found = client.v1.subscriptions.update(made, params)
        at = found.cancel_at
        return found.cancel_at_period_end, datetime.fromtimestamp(at, UTC) if at else None

    month, year = datetime(2026, 2, 28, tzinfo=UTC), datetime(2027, 1, 31, tzinfo=UTC)
    assert ends(cancel_at_period_end=True) == (True, month)
    assert ends(cancel_at_period_end=False) == (False, None)
    assert ends(cancel_at="max_period_end") == (False, year)
    assert ends(cancel_at_period_end=False) == (False, year)
    assert ends(cancel_at="") == (False, None)


def test_a_month_of_a_yearly_subscription_is_invoiced_for_its_usage_alone(fake: FakeStripe) -> None:
    yearly, metered = (
        fake.create_price(interval="year"),
        fake.create_price(meter=fake.create_meter()),
    )
    made = fake.subscribe(fake.create_customer(), yearly, metered)
    year_ends = fake.get(made)["items"]["data"][0]["current_period_end"]
    lines = fake.get(fake.renew(made))["lines"]["data"]
    assert [line["pricing"]["price_details"]["price"] for line in lines] == [metered]
    assert fake.get(made)["items"]["data"][0]["current_period_end"] == year_ends


def test_the_same_idempotency_key_makes_one_customer(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "customer-acme"}
    first = client.v1.customers.create({"email": "a@acme.example"}, options)
    again = client.v1.customers.create({"email": "a@acme.example"}, options)
    assert first.id == again.id
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"email": "b@acme.example"}, options)
    fake.clock.advance(24 * 3600)
    assert client.v1.customers.create({"email": "b@acme.example"}, options).id != first.id


def test_a_new_customer_is_listed_at_once_and_found_a_minute_later(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    fake.clock.advance(0)
    made = fake.create_customer("a@acme.example", metadata={"tenant": "acme"})
    query = "email:'a@acme.example' AND metadata['tenant']:'acme'"
    assert [one.id for one in client.v1.customers.list({"email": "a@acme.example"}).data] == [made]
    assert client.v1.customers.search({"query": query}).data == []
    fake.clock.advance(60)
    assert [one.id for one in client.v1.customers.search({"query": query}).data] == [made]


def test_a_deleted_customer_is_found_as_deleted_and_its_subscription_has_ended(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    customer = fake.create_customer()
    subscription = fake.subscribe(customer, fake.create_price())
    client.v1.customers.delete(customer)
    assert client.v1.customers.retrieve(customer).to_dict()["deleted"]
    assert client.v1.subscriptions.retrieve(subscription).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        _checkout(client, {"price": fake.create_price(), "quantity": 1}, customer=customer)


def test_pages_are_the_newest_first_and_join_without_gap_or_repetition(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    customer, price = fake.create_customer(), fake.create_price()
    made = [fake.subscribe(customer, price) for _ in range(7)]
    fake.cancel(made[3])
    first = client.v1.subscriptions.list({"status": "all", "limit": 3})
    assert first.has_more
    assert [one.id for one in first.auto_paging_iter()] == made[::-1]
    shown = client.v1.subscriptions.list({"limit": 100})
    assert made[3] not in [one.id for one in shown.data]
    assert not shown.has_more


def test_events_are_listed_by_time_and_type_for_thirty_days(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    fake.clock.set(datetime(2026, 3, 1, tzinfo=UTC))
    fake.create_customer()
    fake.clock.advance(100)
    late = fake.clock.now()
    fake.subscribe(fake.create_customer(), fake.create_price())
    seen = client.v1.events.list({"created": {"gte": late}, "types": ["customer.created"]})
    assert [one.created for one in seen.data] == [late]
    kinds = {one.type for one in client.v1.events.list({"type": "invoice.*"}).data}
    assert "invoice.paid" in kinds
    assert "customer.created" not in kinds
    fake.clock.advance(31 * 24 * 3600)
    assert client.v1.events.list().data == []


def test_cancelled_at_once_usage_is_lost_unless_it_is_invoiced(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    meter = fake.create_meter()
    metered = fake.create_price(50, meter=meter)
    totals = []
    for last in ({}, {"invoice_now": True}):
        customer = fake.create_customer()
        subscription = fake.subscribe(customer, metered)
        payload = {"stripe_customer_id": customer, "value": "7"}
        client.v1.billing.meter_events.create(
            {"event_name": "voice_call_minutes", "payload": payload, "identifier": customer}
        )
        params: Any = last
        client.v1.subscriptions.cancel(subscription, params)
        invoices = client.v1.invoices.list({"subscription": subscription})
        totals.append(sum(one.total for one in invoices.data))
    assert totals == [0, 350]
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        client.v1.subscriptions.cancel(subscription)


def test_a_checkout_carries_the_tenant_and_charges_setup_once_also_in_a_trial(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    flat, setup = fake.create_price(4900), fake.create_price(24900, interval=None)
    session = _checkout(
        client,
        {"price": flat, "quantity": 1},
        {"price": setup, "quantity": 1},
        client_reference_id="acme",
        subscription_data={"trial_period_days": 14, "metadata": {"tenant": "acme"}},
    )
    subscription = fake.get(fake.complete(session.id))
    assert (subscription["status"], subscription["metadata"]) == ("trialing", {"tenant": "acme"})
    assert fake.get(subscription["latest_invoice"])["total"] == 24900
    assert fake.get(fake.renew(subscription["id"]))["total"] == 4900


def test_a_slow_payment_completes_unpaid_and_activates_later(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    session = _checkout(client, {"price": fake.create_price(), "quantity": 1})
    subscription = fake.complete(session.id, paid=False)
    assert fake.events("checkout.session.completed")[0]["data"]["object"]["payment_status"] == (
        "unpaid"
    )
    assert fake.get(subscription)["status"] == "incomplete"
    fake.settle_checkout(session.id)
    assert fake.get(subscription)["status"] == "active"


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Fault.DOWN, stripe.APIConnectionError),
        (Fault.SLOW, stripe.APIConnectionError),
        (Fault.ANSWER_LOST, stripe.APIConnectionError),
        (Fault.NONSENSE, stripe.APIError),
        (Fault.ERROR, stripe.APIError),
        (Fault.RATE_LIMITED, stripe.RateLimitError),
    ],
)
def test_a_fault_lasts_until_fixed_and_only_a_lost_answer_had_an_effect(
    fake: FakeStripe, fault: Fault, raised: type[Exception]
) -> None:
    with client_of(fake.url, timeout_s=0.3) as client:
        client.v1.customers.list()
        fake.break_api(fault)
        with pytest.raises(raised):
            client.v1.customers.create({"email": "a@acme.example"})
        fake.mend_api()
        found = client.v1.customers.list({"email": "a@acme.example"}).data
    assert len(found) == (fault is Fault.ANSWER_LOST)


def test_who_asks_again_after_a_lost_answer_gets_what_was_done(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "customer-acme"}
    fake.break_api(Fault.ANSWER_LOST, times=1)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create({"email": "a@acme.example"}, options)
    again = client.v1.customers.create({"email": "a@acme.example"}, options)
    assert [one["id"] for one in fake.all("customer")] == [again.id]


def test_a_fault_can_be_for_some_paths_and_some_requests(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    fake.break_api(Fault.ERROR, "/v1/prices", times=1)
    client.v1.customers.list()
    with pytest.raises(stripe.APIError):
        client.v1.prices.list()
    client.v1.prices.list()
    assert len(fake.asked("GET", "/v1/prices")) == 2


def test_usage_is_summed_per_customer_and_minute_and_a_repetition_refused(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    fake.clock.set(datetime(2026, 3, 1, 12, tzinfo=UTC))
    meter, customer = fake.create_meter(), fake.create_customer()
    noon = fake.clock.now()
    for leg, at in (("leg1", noon - 60), ("leg2", noon), ("leg3", noon + 60)):
        params: Any = {
            "event_name": "voice_call_minutes",
            "payload": {"stripe_customer_id": customer, "value": "2"},
            "identifier": leg,
            "timestamp": at,
        }
        client.v1.billing.meter_events.create(params)
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        client.v1.billing.meter_events.create(params)
    params |= {"identifier": "leg4", "timestamp": noon + 301}
    with pytest.raises(stripe.InvalidRequestError, match="past 35 days"):
        client.v1.billing.meter_events.create(params)
    window: Any = {"customer": customer, "start_time": noon - 60, "end_time": noon + 60}
    (summary,) = client.v1.billing.meters.event_summaries.list(meter, window).data
    assert summary.aggregated_value == 4
    window["start_time"] = noon + 1
    with pytest.raises(stripe.InvalidRequestError, match="minute boundaries"):
        client.v1.billing.meters.event_summaries.list(meter, window)


async def test_the_packages_own_aiohttp_client_reads_the_clock_of_the_fake(
    fake: FakeStripe,
) -> None:
    fake.clock.set(datetime(2026, 3, 1, 12, tzinfo=UTC))
    http: Any = stripe.AIOHTTPClient(timeout=patience_s(5))
    client = stripe.StripeClient(TEST_KEY, http_client=http, base_addresses={"api": fake.url})
    try:
        answer = await client.raw_request_async("get", "/v1/account")
    finally:
        await http.close_async()
    assert answer.headers["Date"] == "Sun, 01 Mar 2026 12:00:00 GMT"

"""The fake's delivery: in order and signed, or in each of the bad ways."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import orjson
import pytest
import stripe

from rig.fakestripe import FakeStripe, Manner, Post
from rig.waiting import patience_s
from tests.support.gateways.webhooks import Receiver, receiver

SECRET = "whsec_new"
FORMER = "whsec_old"
verify = stripe.WebhookSignature.verify_header


@pytest.fixture
def received(fake: FakeStripe) -> Iterator[Receiver]:
    with receiver() as running:
        fake.webhooks.send_to(running.url, SECRET, FORMER)
        yield running
        fake.webhooks.settle()


def _types(received: Receiver) -> list[str]:
    return [one.type for one in received.deliveries]


def test_events_come_in_order_and_verify_with_either_secret(
    fake: FakeStripe, received: Receiver
) -> None:
    fake.subscribe(fake.create_customer(), fake.create_price())
    fake.webhooks.settle()
    assert _types(received) == [event["type"] for event in fake.events()]
    for one in received.deliveries:
        assert verify(one.body, one.signature, SECRET, 300)
        assert verify(one.body, one.signature, FORMER, 300)


def test_what_is_held_comes_in_the_order_asked_for_or_never(
    fake: FakeStripe, received: Receiver
) -> None:
    fake.webhooks.hold()
    subscription = fake.subscribe(fake.create_customer(), fake.create_price())
    happened = [event["type"] for event in fake.webhooks.held()]
    fake.webhooks.release(reversed)
    fake.webhooks.settle()
    assert _types(received) == happened[::-1]
    fake.webhooks.hold()
    fake.cancel(subscription)
    (lost,) = fake.webhooks.lose()
    fake.webhooks.settle()
    assert lost["type"] == "customer.subscription.deleted"
    assert _types(received) == happened[::-1]


def test_an_event_can_come_twice_byte_for_byte(fake: FakeStripe, received: Receiver) -> None:
    fake.clock.set(datetime(2026, 3, 1, tzinfo=UTC))
    fake.webhooks.copies = 2
    fake.create_customer()
    fake.webhooks.settle()
    first, second = received.deliveries
    assert first == second


def test_what_was_not_taken_is_posted_again_when_told_to(
    fake: FakeStripe, received: Receiver
) -> None:
    received.status = HTTPStatus.SERVICE_UNAVAILABLE
    fake.create_customer()
    fake.webhooks.settle()
    assert [one.status for one in fake.webhooks.attempts] == [503]
    received.status = HTTPStatus.OK
    fake.webhooks.retry()
    fake.webhooks.settle()
    assert [one.status for one in fake.webhooks.attempts] == [503, 200]
    assert fake.webhooks.failed == []


def test_an_event_carries_what_was_before(fake: FakeStripe) -> None:
    subscription = fake.subscribe(fake.create_customer(), fake.create_price())
    fake.change(subscription, status="past_due")
    data = fake.events("customer.subscription.updated")[-1]["data"]
    assert data["previous_attributes"] == {"status": "active"}
    assert data["object"]["status"] == "past_due"


def _good(post: Post) -> bool:
    """Return whether a receiver with all checks accepts it; the package ignores the future."""
    if len(post.body) > 1024 * 1024:
        return False
    try:
        verify(post.body, post.headers.get("Stripe-Signature"), SECRET, 300)
        at, _ = post.headers["Stripe-Signature"].removeprefix("t=").split(",", 1)
        event = orjson.loads(post.body)
    except (stripe.SignatureVerificationError, orjson.JSONDecodeError):
        return False
    ahead = int(at) - int(datetime.now(UTC).timestamp())
    return ahead <= 300 and not event["livemode"]


@pytest.mark.parametrize("manner", Manner)
def test_only_a_proper_post_is_good(fake: FakeStripe, received: Receiver, manner: Manner) -> None:
    fake.create_customer()
    (event,) = fake.events()
    assert _good(fake.webhooks.post(event, manner)) is (manner is Manner.PROPER)


def test_a_post_past_the_queue_tells_the_status(fake: FakeStripe, received: Receiver) -> None:
    fake.webhooks.hold()
    fake.create_customer()
    (event,) = fake.webhooks.lose()
    received.status = HTTPStatus.BAD_REQUEST
    assert fake.webhooks.send(event, Manner.FORGED) == 400


def test_a_flood_counts_what_it_was_answered(fake: FakeStripe, received: Receiver) -> None:
    fake.webhooks.hold()
    fake.create_customer()
    (event,) = fake.webhooks.lose()
    received.status = HTTPStatus.BAD_REQUEST
    answered = fake.webhooks.flood(event, Manner.FORGED, per_s=100, duration_s=0.2).result(
        patience_s(10)
    )
    assert answered == {400: 20}


def test_bad_usage_is_reported_by_a_thin_event_and_read_in_full_when_fetched(
    fake: FakeStripe, received: Receiver, client: stripe.StripeClient
) -> None:
    meter = fake.create_meter()
    payload = {"stripe_customer_id": "cus_none", "value": "1"}
    client.v1.billing.meter_events.create(
        {"event_name": "voice_call_minutes", "payload": payload, "identifier": "leg1"}
    )
    event_id = fake.report_meter_errors(meter)
    told = received.await_type("v1.billing.meter.error_report_triggered")
    notification = client.parse_event_notification(told.body, told.signature, SECRET)
    assert notification.id == event_id
    fetched = notification.fetch_event()
    assert fetched.to_dict()["data"]["reason"]["error_types"][0]["code"] == (
        "meter_event_customer_not_found"
    )

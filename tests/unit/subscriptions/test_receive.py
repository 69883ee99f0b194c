"""What the webhook accepts, and its answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pbxbilling.gateways.stripe.signature import StripeWebhooks
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.subscriptions.events import EventState, WebhookEvent
from pbxbilling.subscriptions.facts import WebhookReceived, WebhookResult
from pbxbilling.subscriptions.receive import LIMIT, WebhookReceiver
from tests.support.gateways.stripe import bodies
from tests.support.kernel.clock import START, Clock
from tests.support.store.memory_store import MemoryStore

UPDATED = bodies.event("customer.subscription.updated", bodies.subscription())


class Door:
    def __init__(self, *secrets: str, live: bool = False) -> None:
        self.store = MemoryStore()
        self.clock = Clock()
        self.facts: list[Fact] = []
        self.arrived: list[WebhookEvent] = []
        self.webhook = WebhookReceiver(
            StripeWebhooks(secrets or (bodies.SECRET,), self.clock),
            self.store,
            self.clock,
            self.facts.append,
            self.arrived.append,
            live=live,
        )

    async def knock(self, body: bytes, header: str) -> int:
        return (await self.webhook.receive(body, {"Stripe-Signature": header})).status

    @property
    def results(self) -> list[WebhookResult]:
        return [fact.result for fact in self.facts if isinstance(fact, WebhookReceived)]


async def test_a_signed_event_is_kept_before_it_is_answered() -> None:
    door = Door()
    assert await door.knock(UPDATED, bodies.signed(UPDATED)) == 200
    kept = await door.store.subscription_store.webhook_event("evt_1")
    assert kept is not None
    assert (kept.about, kept.state, kept.body) == ("sub_1", EventState.WAITING, UPDATED.decode())
    assert door.arrived == [kept]


@pytest.mark.parametrize("apart_s", [-300, 300])
async def test_five_minutes_apart_is_about_now(apart_s: int) -> None:
    door = Door()
    header = bodies.signed(UPDATED, START + timedelta(seconds=apart_s))
    assert await door.knock(UPDATED, header) == 200


@pytest.mark.parametrize("apart_s", [-301, 301])
async def test_what_was_signed_long_ago_or_in_the_future_is_refused(apart_s: int) -> None:
    door = Door()
    header = bodies.signed(UPDATED, START + timedelta(seconds=apart_s))
    assert await door.knock(UPDATED, header) == 400
    assert (door.results, door.store.commits) == ([WebhookResult.FORGED], [])


@pytest.mark.parametrize(
    "header", ["", "t=,v1=", "t=1,v1=0", "t=1,v1=\xff", "v1=0", "t=1", "nonsense", "t=x,v1=0"]
)
async def test_a_bad_signature_is_refused_and_nothing_kept(header: str) -> None:
    door = Door()
    assert await door.knock(UPDATED, header) == 400
    assert (door.results, door.store.commits) == ([WebhookResult.FORGED], [])


@pytest.mark.parametrize("body", [UPDATED[:-1], UPDATED + b" ", b"", b"\xff\xfe"])
async def test_a_body_that_is_not_the_one_signed_is_refused(body: bytes) -> None:
    door = Door()
    assert await door.knock(body, bodies.signed(UPDATED)) == 400
    assert (door.results, door.store.commits) == ([WebhookResult.FORGED], [])


async def test_any_of_several_secrets_is_good_while_one_replaces_another() -> None:
    door = Door("whsec_new", "whsec_old")
    for secret in ("whsec_new", "whsec_old"):
        assert await door.knock(UPDATED, bodies.signed(UPDATED, secret=secret)) == 200
    assert await door.knock(UPDATED, bodies.signed(UPDATED, secret="whsec_older")) == 400


@pytest.mark.parametrize("live", [False, True])
async def test_test_money_and_real_money_do_not_mix(*, live: bool) -> None:
    door = Door(live=live)
    body = bodies.event("invoice.paid", {}, livemode=not live)
    ours = bodies.event(
        "customer.subscription.updated", bodies.subscription(livemode=live), livemode=live
    )
    wrong = bodies.event("customer.subscription.updated", bodies.subscription(), livemode=not live)
    assert await door.knock(wrong, bodies.signed(wrong)) == 400
    assert door.store.commits == []
    assert await door.knock(ours, bodies.signed(ours)) == 200
    assert door.results == [WebhookResult.WRONG_MODE, WebhookResult.STORED]
    assert await door.knock(body, bodies.signed(body)) == 400


async def test_a_kind_that_is_not_used_is_answered_counted_and_not_kept() -> None:
    door = Door()
    body = bodies.event("payment_intent.created", {})
    assert await door.knock(body, bodies.signed(body)) == 200
    assert (door.results, door.store.commits) == ([WebhookResult.IGNORED], [])


@pytest.mark.parametrize("body", [b"[]", b"{}", b"not json", b'{"type": "invoice.paid"}', b"null"])
async def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    door = Door()
    assert await door.knock(body, bodies.signed(body)) == 400
    assert (door.results, door.store.commits) == ([WebhookResult.UNREADABLE], [])


async def test_a_webhook_that_could_not_be_stored_is_requested_again() -> None:
    door = Door()
    door.store.fault = StoreError("disk full")
    assert await door.knock(UPDATED, bodies.signed(UPDATED)) == 503
    assert door.arrived == []


async def test_a_long_body_is_refused() -> None:
    door = Door()
    assert (door.webhook.oversized().status, LIMIT) == (400, 1 << 20)
    assert door.results == [WebhookResult.OVERSIZED]


async def test_of_many_refusals_in_a_row_one_a_minute_is_loud() -> None:
    door = Door()
    for _ in range(500):
        await door.knock(UPDATED, "t=1,v1=0")
    door.clock.passed_s = 60
    await door.knock(UPDATED, "t=1,v1=0")
    loud = [fact.loud for fact in door.facts if isinstance(fact, WebhookReceived)]
    assert (len(loud), sum(loud)) == (501, 2)

"""Stripe's webhook: no body does more than it states, and the next good one is stored."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx
import orjson
from hypothesis import strategies as st

from pbxbilling.gateways.stripe import objects
from pbxbilling.gateways.stripe.signature import StripeWebhooks
from pbxbilling.kernel.errors import UnreadableError
from pbxbilling.subscriptions.receive import WebhookReceiver
from pbxbilling.web.public import public_app
from rig.fakestripe import hostile
from tests.support.billing.figures import Unscraped
from tests.support.gateways.stripe import bodies
from tests.support.house.corpus import SIZES, examples, explore, pieces, spoiled
from tests.support.kernel.clock import START, Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.web.turned_away import TurnedAway

KINDS = [kind for kind in objects.TOPICS if kind.startswith(("customer.subscription", "invoice"))]
SEEDS = [bodies.event(kind, bodies.subscription()) for kind in KINDS] + [
    b"[]", b"{}", b"null", b"\xff\xfe", b"",
]  # fmt: skip
STATUSES = {200, 400}


class Door:
    """The public application in front of a webhook, over HTTP without a socket."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        clock = Clock()
        reader = StripeWebhooks((bodies.SECRET,), clock)
        webhook = WebhookReceiver(
            reader, self.store, clock, lambda _: None, lambda _: None, live=False
        )
        shown = Unscraped()
        self._transport = httpx.ASGITransport(app=public_app(shown, shown, TurnedAway(), webhook))

    def knock(self, body: bytes, header: bytes, sizes: list[int]) -> int:
        return asyncio.run(self._knock(body, header, sizes))

    async def _knock(self, body: bytes, header: bytes, sizes: list[int]) -> int:
        async def streamed() -> object:
            for piece in pieces(body, sizes):
                yield piece

        async with httpx.AsyncClient(transport=self._transport, base_url="http://test") as client:
            answer = await client.post(
                "/api/stripe/webhook",
                content=streamed(),  # type: ignore[arg-type]
                headers=[(b"Stripe-Signature", header)],
            )
        return answer.status_code

    def serves(self) -> None:
        good = bodies.event("customer.subscription.updated", bodies.subscription(), ident="evt_9")
        assert self.knock(good, signature(good), [1448]) == 200
        assert asyncio.run(self.store.subscription_store.webhook_event("evt_9"))


def signature(body: bytes) -> bytes:
    """Return a valid signature of any bytes."""
    return hostile.signature(body, [bodies.SECRET], int(START.timestamp())).encode()


@examples
def test_spoiled_events_that_are_signed(examples: int) -> None:
    door = Door()

    def check(sent: tuple[bytes, list[int]]) -> None:
        body, sizes = sent
        assert door.knock(body, signature(body), sizes) in STATUSES
        door.serves()

    explore(st.tuples(spoiled(SEEDS), SIZES), check, examples)


@examples
def test_spoiled_signatures_keep_nothing(examples: int) -> None:
    door, body = Door(), SEEDS[0]
    good = signature(body)

    def check(header: bytes) -> None:
        status = door.knock(body, header, [1448])
        assert status == 400 or good.partition(b"v1=")[2] in header
        door.serves()

    written = spoiled([good, b"t=1,v1=0", b""], most=2)
    explore(written.map(lambda raw: raw.translate(None, b"\r\n\0")), check, examples)


@examples
def test_spoiled_objects_are_understood_or_called_unreadable(examples: int) -> None:
    seeds = [orjson.dumps(bodies.subscription()), orjson.dumps(bodies.subscription(id=None))]

    def check(raw: bytes) -> None:
        with suppress(orjson.JSONDecodeError, UnreadableError):
            given = orjson.loads(raw)
            for understand in (objects.subscription, objects.invoice):
                with suppress(UnreadableError):
                    understand(given, START)

    explore(spoiled(seeds), check, examples)

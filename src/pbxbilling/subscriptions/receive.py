"""Receive webhook events: verify, store and answer them at once; `inbox` processes them later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pbxbilling.kernel.errors import ForgedError, StoreError, UnreadableError
from pbxbilling.kernel.ports import Clock, EventSink, RecordStore
from pbxbilling.runtime.clock import LogThrottle
from pbxbilling.subscriptions.events import Topic, WebhookEvent, stored_event
from pbxbilling.subscriptions.facts import WebhookReceived, WebhookResult
from pbxbilling.subscriptions.ports import WebhookReader

LIMIT = 1 << 20  # bytes; events are a few kB


class WebhookAnswer(NamedTuple):
    """An HTTP status, and a text for readers of the gateway's list of deliveries."""

    status: int
    text: str


_ANSWERS = {
    WebhookResult.STORED: WebhookAnswer(200, "kept"),
    WebhookResult.IGNORED: WebhookAnswer(200, "not used"),
    WebhookResult.FORGED: WebhookAnswer(400, "the signature is not valid"),
    WebhookResult.OVERSIZED: WebhookAnswer(400, "too large"),
    WebhookResult.UNREADABLE: WebhookAnswer(400, "not an event"),
    WebhookResult.WRONG_MODE: WebhookAnswer(400, "test and live do not mix"),
    WebhookResult.NOT_KEPT: WebhookAnswer(503, "could not be stored; send it again"),
}


class WebhookReceiver:
    """Receives webhook bodies. Nothing unverified is parsed or stored."""

    limit = LIMIT

    def __init__(
        self,
        reader: WebhookReader,
        store: RecordStore,
        clock: Clock,
        emit: EventSink,
        arrived: Callable[[WebhookEvent], None],
        *,
        live: bool,
    ) -> None:
        """`arrived` is called with each stored event; `live` is the mode of our key."""
        self._reader = reader
        self._store = store
        self._clock = clock
        self._emit = emit
        self._arrived = arrived
        self._live = live
        self._throttle = LogThrottle(clock.monotonic)

    def oversized(self) -> WebhookAnswer:
        """Refuse a body longer than `limit` bytes."""
        return self._refused(WebhookResult.OVERSIZED, f"more than {LIMIT} bytes")

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> WebhookAnswer:
        """Verify, parse and store one whole body with its request's headers."""
        try:
            self._reader.verify(body, headers)
        except ForgedError as fault:
            return self._refused(WebhookResult.FORGED, str(fault))
        try:
            message = self._reader.parse(body)
        except UnreadableError as fault:
            return self._refused(WebhookResult.UNREADABLE, str(fault))
        if message.live is not self._live:
            ours, theirs = ("live" if live else "test" for live in (self._live, message.live))
            return self._refused(
                WebhookResult.WRONG_MODE,
                f"a {theirs} event, and our key is a {ours} one: send each mode to its own daemon",
            )
        if message.topic is Topic.OTHER:
            return self._answer(WebhookResult.IGNORED, message.kind, message.id)
        return await self._save(stored_event(message, body, self._clock.now()))

    async def _save(self, event: WebhookEvent) -> WebhookAnswer:
        stored = WebhookReceived(self._clock.now(), WebhookResult.STORED, event.kind, event.id)
        try:
            await self._store.commit([event], [stored])
        except StoreError as fault:
            return self._answer(WebhookResult.NOT_KEPT, event.kind, event.id, str(fault))
        self._arrived(event)
        self._emit(stored)
        return _ANSWERS[stored.result]

    def _answer(
        self, result: WebhookResult, kind: str, event: str, reason: str = ""
    ) -> WebhookAnswer:
        self._emit(WebhookReceived(self._clock.now(), result, kind, event, reason))
        return _ANSWERS[result]

    def _refused(self, result: WebhookResult, reason: str) -> WebhookAnswer:
        """Refuse a body; throttle the log, since anybody can send such bodies at any rate."""
        loud = self._throttle.claim()
        self._emit(WebhookReceived(self._clock.now(), result, reason=reason, loud=loud))
        return _ANSWERS[result]

"""Where a gateway's events arrive: verified, kept, and answered at once; `post` works them off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pbxbilling.kernel.errors import ForgedError, StoreError, UnreadableError
from pbxbilling.kernel.ports import Clock, EventSink, RecordStore
from pbxbilling.runtime.log_throttle import Loudness
from pbxbilling.subscriptions.events import Letter, Topic
from pbxbilling.subscriptions.facts import WebhookReceived, WebhookResult
from pbxbilling.subscriptions.letters import letter_of
from pbxbilling.subscriptions.ports import WebhookReader

LIMIT = 1 << 20  # bytes; events are a few kB


class Answer(NamedTuple):
    """An HTTP status, and a word for whoever reads the gateway's list of deliveries."""

    status: int
    text: str


_ANSWERS = {
    WebhookResult.STORED: Answer(200, "kept"),
    WebhookResult.IGNORED: Answer(200, "not used"),
    WebhookResult.FORGED: Answer(400, "the signature is not good"),
    WebhookResult.OVERSIZED: Answer(400, "too long"),
    WebhookResult.UNREADABLE: Answer(400, "not an event"),
    WebhookResult.WRONG_MODE: Answer(400, "test and live do not mix"),
    WebhookResult.NOT_KEPT: Answer(503, "could not be kept; send it again"),
}


class Webhook:
    """Receives bodies. Nothing that is not verified is kept, or read."""

    limit = LIMIT

    def __init__(
        self,
        reader: WebhookReader,
        store: RecordStore,
        clock: Clock,
        emit: EventSink,
        arrived: Callable[[Letter], None],
        *,
        live: bool,
    ) -> None:
        """`arrived` is told of what was kept; `live` is the mode of our key."""
        self._reader = reader
        self._store = store
        self._clock = clock
        self._emit = emit
        self._arrived = arrived
        self._live = live
        self._loudness = Loudness(clock.monotonic)

    def oversized(self) -> Answer:
        """Refuse a body of which more than `limit` has come."""
        return self._refused(WebhookResult.OVERSIZED, f"more than {LIMIT} bytes")

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Take one whole body with its request's headers."""
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
            return self._told(WebhookResult.IGNORED, message.kind, message.id)
        return await self._keep(letter_of(message, body, self._clock.now()))

    async def _keep(self, letter: Letter) -> Answer:
        try:
            await self._store.commit([letter])
        except StoreError as fault:
            return self._told(WebhookResult.NOT_KEPT, letter.kind, letter.id, str(fault))
        self._arrived(letter)
        return self._told(WebhookResult.STORED, letter.kind, letter.id)

    def _told(self, result: WebhookResult, kind: str, event: str, reason: str = "") -> Answer:
        self._emit(WebhookReceived(self._clock.now(), result, kind, event, reason))
        return _ANSWERS[result]

    def _refused(self, result: WebhookResult, reason: str) -> Answer:
        """Anybody can send such a body, as often as he likes."""
        loud = self._loudness.claim()
        self._emit(WebhookReceived(self._clock.now(), result, reason=reason, loud=loud))
        return _ANSWERS[result]

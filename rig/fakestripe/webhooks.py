"""Delivery of events to the webhook under test: in order, or as badly as in production.

The server's own thread sends the posts one after the other. Methods that wait for them block: a
test whose receiver runs in its own event loop calls them through `asyncio.to_thread`.
"""

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple

import aiohttp

from rig.fakestripe import hostile
from rig.fakestripe.bodies import Body
from rig.fakestripe.clock import Clock
from rig.fakestripe.hostile import Manner, Post
from rig.waiting import until

ANSWER_LIMIT_S = 10.0
_FLOOD_CONNECTIONS = 50


class Attempt(NamedTuple):
    """One post of an event and its answer; status 0 means no answer."""

    event_id: str
    type: str
    status: int
    took_s: float


@dataclass(frozen=True, slots=True)
class _Receiver:
    url: str
    secrets: tuple[str, ...]


class Webhooks:
    """The delivery of events.

    `copies` is how often each is posted, `delay_s` how late; both hold for events from then on.
    `attempts` are the posts so far, `failed` the events whose last post was not answered 2xx:
    Stripe would post them again for three days, the fake does so on `retry`.
    """

    def __init__(self, clock: Clock) -> None:
        self.copies = 1
        self.delay_s = 0.0
        self.attempts: list[Attempt] = []
        self.failed: list[Body] = []
        self._clock = clock
        self._receiver: _Receiver | None = None
        self._lock = threading.Lock()
        self._held: list[Body] | None = None
        self._queue: deque[Body] = deque()
        self._posting = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._wake = asyncio.Event()

    def send_to(self, url: str, *secrets: str) -> None:
        """Post events from now on to `url`, signed with every secret."""
        self._receiver = _Receiver(url, secrets)

    def publish(self, event: Body) -> None:
        """Post an event as soon as possible, or hold it back. Any thread may call this."""
        if self._receiver is None:
            return
        with self._lock:
            if self._held is not None:
                self._held.append(event)
                return
            self._enqueue([event] * self.copies)

    def hold(self) -> None:
        """Keep events back from now on."""
        with self._lock:
            self._held = self._held or []

    def held(self) -> list[Body]:
        """Return the events held back, in the order in which they happened."""
        with self._lock:
            return list(self._held or [])

    def release(self, arrange: Callable[[list[Body]], Iterable[Body]] = list) -> None:
        """Post what was held back, as `arrange`d: `reversed`, doubled, only some; hold no more."""
        with self._lock:
            held, self._held = self._held or [], None
            self._enqueue(arrange(held))

    def lose(self) -> list[Body]:
        """Drop what was held back, hold no more, and return the events that are lost."""
        with self._lock:
            held, self._held = self._held or [], None
            return held

    def retry(self) -> None:
        """Post once more the events that were not answered 2xx."""
        failed, self.failed = self.failed, []
        self._enqueue(failed)

    def settle(self, timeout_s: float = 10.0) -> None:
        """Return when everything due has been posted."""
        until(lambda: not self._queue and not self._posting, "webhooks posted", timeout_s)

    def post(self, event: Body, manner: Manner = Manner.PROPER) -> Post:
        """Return what would go over the wire, for a test that posts by itself."""
        return hostile.post(event, self._secrets(), self._clock.now(), manner)

    def send(self, event: Body, manner: Manner = Manner.PROPER) -> int:
        """Post it now, bypassing the queue, and return the status; 0 means no answer."""
        return asyncio.run_coroutine_threadsafe(self._post(event, manner), self._running()).result(
            ANSWER_LIMIT_S + 1
        )

    def flood(
        self, event: Body, manner: Manner, per_s: int, duration_s: float
    ) -> Future[Counter[int]]:
        """Post it `per_s` times a second. The future's result counts the answers by status."""
        run = self._flood(event, manner, per_s, duration_s)
        return asyncio.run_coroutine_threadsafe(run, self._running())

    async def run(self) -> None:
        """Post queued events until cancelled, in the server's thread."""
        self._loop = asyncio.get_running_loop()
        limit = aiohttp.ClientTimeout(total=ANSWER_LIMIT_S)
        connector = aiohttp.TCPConnector(limit=_FLOOD_CONNECTIONS)
        async with aiohttp.ClientSession(timeout=limit, connector=connector) as self._session:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._post_queued()

    def _enqueue(self, events: Iterable[Body]) -> None:
        self._queue.extend(events)
        self._running().call_soon_threadsafe(self._wake.set)

    async def _post_queued(self) -> None:
        while self._queue:
            self._posting = True
            event = self._queue.popleft()
            await asyncio.sleep(self.delay_s)
            if not 200 <= await self._post(event) < 300:
                self.failed.append(event)
            self._posting = False

    async def _post(self, event: Body, manner: Manner = Manner.PROPER) -> int:
        started = time.monotonic()
        status = await self._posted(self.post(event, manner))
        took_s = time.monotonic() - started
        self.attempts.append(Attempt(event["id"], event["type"], status, took_s))
        return status

    async def _posted(self, post: Post) -> int:
        if self._session is None or self._receiver is None:
            raise RuntimeError("nobody is to be told: call send_to first")
        try:
            async with self._session.post(
                self._receiver.url, data=post.body, headers=post.headers
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def _flood(
        self, event: Body, manner: Manner, per_s: int, duration_s: float
    ) -> Counter[int]:
        started = time.monotonic()
        posts = [
            asyncio.create_task(self._paced(self.post(event, manner), started + n / per_s))
            for n in range(round(per_s * duration_s))
        ]
        return Counter(await asyncio.gather(*posts))

    async def _paced(self, post: Post, due: float) -> int:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        return await self._posted(post)

    def _secrets(self) -> Sequence[str]:
        return self._receiver.secrets if self._receiver else ()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the server does not run")
        return self._loop

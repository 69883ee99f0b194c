"""One TCP connection to a manager: it reads at the sink's pace and shares the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from pbxbilling.ami.messages.protocol import Framer
from pbxbilling.ami.messages.repair import Repair
from pbxbilling.kernel.ports import Clock

# A burst is drained in slices, because the same event loop answers the hooks.
SLICE_BLOCKS = 64
SLICE_S = 0.002
# Beyond this backlog reading stops; Asterisk then waits for `writetimeout` before it hangs up.
BACKLOG_HIGH = 1024  # blocks, plus those of one read
BACKLOG_LOW = 128


class Connection(asyncio.Protocol):
    """Hands every block to `take`, in order; if that returns True, the slice ends there.

    `skipped` gets the number of messages that were too large, `broken` the numbers of messages with
    a caller's line breaks that were repaired and that were lost. `greeted` is the banner, `lost`
    why the connection ended: it is set after the last block.
    """

    def __init__(
        self,
        take: Callable[[bytes], bool],
        skipped: Callable[[int], None],
        broken: Callable[[int, int], None],
        repair: Repair,
        clock: Clock,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.framer = Framer()
        self.greeted: asyncio.Future[str] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.heard_s = clock.monotonic()
        self._loop = loop
        self._take = take
        self._skipped = skipped
        self._broken = broken
        self._repair = repair
        self._clock = clock
        self._backlog: deque[bytes] = deque()
        self._draining = False  # a slice is under way or scheduled
        self._paused = False
        self._held = False
        self._reason = ""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio calls this when connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it

    def data_received(self, data: bytes) -> None:
        """Take what was read; handle it at once, unless a burst is being drained."""
        blocks = self.framer.feed(data)
        self._backlog.extend(self._repair.take(blocks, more=self.framer.begun))
        self._notify()
        if self.framer.banner is not None and not self.greeted.done():
            self.greeted.set_result(self.framer.banner)
        if self._backlog and not self._draining:
            self._drain()
        if len(self._backlog) > BACKLOG_HIGH and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end; what was read before it is still handed on."""
        self._transport = None
        if not self._reason:
            self._reason = str(exc) if exc else "closed by the PBX"
            self._backlog.extend(self._repair.take((), more=False))
            self._notify()
        if not self._draining:
            self._drain()

    def send(self, message: bytes) -> None:
        """Write; do nothing where the connection is gone, which `lost` reports."""
        if self._transport is not None:
            self._transport.write(message)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hand nothing on inside; beyond the backlog Asterisk waits, for `writetimeout`."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if not self._draining:
                self._drain()

    def drop(self) -> None:
        """Drop the connection, and what was read but not handed on."""
        self._backlog.clear()
        if self._transport is not None:
            self._reason = self._reason or "closed by the daemon"
            self._transport.abort()

    async def close(self) -> None:
        """Drop the connection, and wait until it is closed."""
        self.drop()
        await self.lost

    def _notify(self) -> None:
        framer, repair = self.framer, self._repair
        if framer.oversized:
            self._skipped(framer.oversized)
            framer.oversized = 0
        if repair.rejoined or repair.lost:
            self._broken(repair.rejoined, repair.lost)
            repair.rejoined = repair.lost = 0

    def _drain(self) -> None:
        self._draining = not self._held
        if self._held:
            return
        try:
            self._slice()
        finally:
            self._go_on()

    def _slice(self) -> None:
        backlog = self._backlog
        monotonic = self._clock.monotonic
        now = monotonic()
        if backlog:
            self.heard_s = now
        for _ in range(SLICE_BLOCKS):
            if not backlog or self._take(backlog.popleft()) or monotonic() - now > SLICE_S:
                break

    def _go_on(self) -> None:
        if self._paused and len(self._backlog) <= BACKLOG_LOW and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        if self._backlog:
            self._loop.call_soon(self._drain)
            return
        self._draining = False
        if self._transport is None:
            self._end()

    def _end(self) -> None:
        if not self.greeted.done():
            self.greeted.set_result("")
        if not self.lost.done():
            self.lost.set_result(self._reason)

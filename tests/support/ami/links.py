"""An AMI link with short time-outs, whose reports are recorded and can be waited for."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from pbxbilling.ami.control import AmiControl
from pbxbilling.ami.link import AmiLink
from pbxbilling.ami.settings import LinkSettings
from pbxbilling.calls.live.signals import Signal
from pbxbilling.runtime.clock import SystemClock
from rig.waiting import patience_s

# Far shorter than in production, yet long for loopback on a busy machine.
QUICK = LinkSettings(
    "pbx1",
    "127.0.0.1",
    "pbxbilling",
    "secret",
    connect_s=patience_s(1),
    login_s=patience_s(1),
    ping_s=0.1,
    ping_deadline_s=patience_s(1),
    action_s=patience_s(1),
    list_s=patience_s(2),
    backoff_min_s=0.02,
    backoff_max_s=0.1,
    login_retry_s=60,
)


class Witness:
    """Sink and observer at once; `log` records everything it received, in order."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.log: list[tuple[object, ...]] = []
        self.on_signal: Callable[[Signal], None] | None = None
        self._news = asyncio.Event()

    def sink(self, signal: Signal) -> None:
        self.signals.append(signal)
        self._news.set()
        if self.on_signal is not None:
            self.on_signal(signal)

    def connected(self, pbx: str, uptime_s: float | None) -> None:
        self._note("connected", pbx, uptime_s)

    def disconnected(self, pbx: str, reason: str) -> None:
        self._note("disconnected", pbx, reason)

    def login_failed(self, pbx: str, message: str) -> None:
        self._note("login_failed", pbx, message)

    def clock_reported(self, pbx: str, at: datetime) -> None:
        self._note("clock_reported", pbx, at)

    def unmapped(self, pbx: str, event: str) -> None:
        self._note("unmapped", pbx, event)

    def oversized(self, pbx: str, messages: int) -> None:
        self._note("oversized", pbx, messages)

    def broken(self, pbx: str, rejoined: int, lost: int) -> None:
        self._note("broken", pbx, rejoined, lost)

    def sink_failed(self, pbx: str, signal: Signal, error: Exception) -> None:
        self._note("sink_failed", pbx, signal, error)

    def said(self, what: str) -> list[tuple[object, ...]]:
        return [entry for entry in self.log if entry[0] == what]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until a report makes the condition true; 10 s at most."""
        async with asyncio.timeout(patience_s(10)):
            while not true():
                self._news.clear()
                await self._news.wait()

    def _note(self, *entry: object) -> None:
        self.log.append(entry)
        self._news.set()


class Linked:
    """A running link with its recorder and control."""

    def __init__(self, settings: LinkSettings, seed: int = 1) -> None:
        clock = SystemClock()
        self.witness = Witness()
        self.link = AmiLink(settings, self.witness.sink, self.witness, clock, random.Random(seed))
        self.control = AmiControl(self.link, self.witness, clock)


@asynccontextmanager
async def linked(port: int, *, wait: bool = True, **changes: object) -> AsyncIterator[Linked]:
    """Run a link to that loopback port, connected first if `wait`; stop it at the end."""
    made = Linked(replace(QUICK, port=port, **changes))  # type: ignore[arg-type]
    running = asyncio.create_task(made.link.run(), name="link")
    try:
        if wait:
            await made.witness.until(lambda: made.link.connected)
        yield made
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

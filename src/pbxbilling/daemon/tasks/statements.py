"""Closes billing periods when they end, and at once where one was missed."""

from __future__ import annotations

import asyncio
from datetime import datetime

from pbxbilling.billing.statements.close import Closer
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock
from pbxbilling.runtime.waiting import pause
from pbxbilling.subscriptions.facts import CycleOpened

LOOK_S = 15.0  # longest pause: journals may be read further, the wall clock may be set


class StatementTask:
    """Runs the closer of billing periods; a sink of facts."""

    def __init__(self, closer: Closer, clock: Clock) -> None:
        self._closer = closer
        self._clock = clock
        self._soon = asyncio.Event()

    def sink(self, fact: Fact) -> None:
        """Pass a fact to the closer, and look again at once if it opened a billing cycle."""
        self._closer.sink(fact)
        if isinstance(fact, CycleOpened):
            self._soon.set()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._soon.clear()
            ends = await self._closer.look()
            await pause(self._pause_s(ends), self._soon)

    def _pause_s(self, ends: datetime | None) -> float:
        if ends is None:
            return LOOK_S
        return min(LOOK_S, max(0.0, (ends - self._clock.now()).total_seconds()))

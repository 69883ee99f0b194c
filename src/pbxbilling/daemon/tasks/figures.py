"""Computes the business figures for monitoring, hourly and soon after they may have changed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pbxbilling.billing.take_figures import Figures, moves_figures
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import EventSink
from pbxbilling.runtime.waiting import pause

EVERY_S = 3600.0  # trials and grace windows end by the clock
SOON_S = 10.0  # after a change; a file that changes a thousand tenants counts as one change


class FiguresTask:
    """Takes the figures at the start, hourly and after changes; a sink of facts."""

    def __init__(self, figures: Figures, emit: EventSink) -> None:
        self._figures = figures
        self._emit = emit
        self._moved = asyncio.Event()

    def sink(self, fact: Fact) -> None:
        """Take the figures soon if the fact may change them."""
        if moves_figures(fact):
            self._moved.set()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._moved.clear()
            await self.look()
            await pause(EVERY_S, self._moved)
            await asyncio.sleep(SOON_S)

    async def look(self) -> None:
        """Take and emit the figures; if the store fails, which it reports itself, keep the old."""
        with suppress(StoreError):
            self._emit(await self._figures.take())

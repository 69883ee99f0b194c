"""The figures for monitoring: worked out beside calls, a while after they may have moved."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pbxbilling.billing.take_figures import Figures, moves_figures
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import EventSink
from pbxbilling.runtime.waiting import pause

EVERY_S = 3600.0  # trials and grace windows end by the clock
SOON_S = 10.0  # after a change; a file that changes a thousand tenants is one change


class FiguresTask:
    """Takes the figures at a start, hourly and after changes; a sink of facts."""

    def __init__(self, figures: Figures, emit: EventSink) -> None:
        self._figures = figures
        self._emit = emit
        self._moved = asyncio.Event()

    def sink(self, fact: Fact) -> None:
        """Hear of what moves them."""
        if moves_figures(fact):
            self._moved.set()

    async def run(self) -> None:
        """Never ends by itself."""
        while True:
            self._moved.clear()
            await self.look()
            await pause(EVERY_S, self._moved)
            await asyncio.sleep(SOON_S)

    async def look(self) -> None:
        """Take them; those before stay where the store cannot serve, which tells of itself."""
        with suppress(StoreError):
            self._emit(await self._figures.take())

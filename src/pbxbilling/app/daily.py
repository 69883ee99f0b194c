"""The daily check at its hour, and at once where its hour was slept through."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pbxbilling.config.model import BillingSettings
from pbxbilling.domain.daily import DailyHour
from pbxbilling.domain.facts import DailyCheckFailed
from pbxbilling.ports import Clock, EventSink, StoreError
from pbxbilling.services.daily import DailyCheck

LOOK_S = 60.0  # at least so often: the wall clock can be set, and a failed check is tried again


def daily_hour(billing: BillingSettings) -> DailyHour:
    """When the configuration wants the check."""
    return DailyHour(billing.daily_check, billing.timezone)


class DailyTask:
    """Runs the check whenever it is due."""

    def __init__(
        self, check: DailyCheck, clock: Clock, emit: EventSink, billing: BillingSettings
    ) -> None:
        self._check, self._clock, self._emit = check, clock, emit
        self._hour = daily_hour(billing)
        self._changed = asyncio.Event()

    def change(self, billing: BillingSettings) -> None:
        """Go by another hour from now on."""
        self._hour = daily_hour(billing)
        self._changed.set()

    async def run(self) -> None:
        """Never ends by itself."""
        while True:
            self._changed.clear()
            pause_s = await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()

    async def look(self) -> float:
        """Run the check if it is due; gives the seconds until the next look."""
        try:
            if await self._check.is_due(self._hour):
                await self._check.run()
        except StoreError as error:
            self._emit(DailyCheckFailed(self._clock.now(), str(error)))
        now = self._clock.now()
        return min(LOOK_S, (self._hour.next(now) - now).total_seconds())

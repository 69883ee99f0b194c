"""What is done once a day at its hour, and at once where its hour was slept through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from pbxbilling.config.settings import Settings
from pbxbilling.kernel.daily_hour import DailyHour
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.kernel.text import in_words
from pbxbilling.runtime.waiting import pause

LOOK_S = 60.0  # at least so often: the wall clock can be set, and what failed is tried again


class OnceADay(Protocol):
    """Something to be done once a day; raises StoreError where it could not be."""

    async def is_due(self, hour: DailyHour) -> bool:
        """Whether it was not done since that hour came last."""
        ...

    async def run(self) -> object:
        """Do it."""
        ...


def check_hour(settings: Settings) -> DailyHour:
    """When the configuration wants the daily check."""
    return DailyHour(settings.billing.daily_check, settings.billing.timezone)


def purge_hour(settings: Settings) -> DailyHour:
    """When it wants the purge."""
    return DailyHour(settings.retention.purge, settings.billing.timezone)


class DailyTask:
    """Does its work whenever that is due; `failed` makes the fact that it could not."""

    def __init__(
        self,
        work: OnceADay,
        clock: Clock,
        emit: EventSink,
        hour: DailyHour,
        failed: Callable[[datetime, str], Fact],
    ) -> None:
        self._work, self._clock, self._emit = work, clock, emit
        self._hour, self._failed = hour, failed
        self._changed = asyncio.Event()

    def change(self, hour: DailyHour) -> None:
        """Go by another hour from now on."""
        self._hour = hour
        self._changed.set()

    async def run(self) -> None:
        """Never ends by itself."""
        while True:
            self._changed.clear()
            pause_s = await self.look()
            await pause(pause_s, self._changed)

    async def look(self) -> float:
        """Do the work if it is due; gives the seconds until the next look."""
        try:
            if await self._work.is_due(self._hour):
                await self._work.run()
        except StoreError as error:
            self._emit(self._failed(self._clock.now(), str(error)))
        except Exception as error:  # noqa: BLE001 - a nightly job must not cost the hook
            self._emit(self._failed(self._clock.now(), in_words(error)))
        now = self._clock.now()
        return min(LOOK_S, (self._hour.next(now) - now).total_seconds())

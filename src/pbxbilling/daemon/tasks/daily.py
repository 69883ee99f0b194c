"""Runs a daily job at its hour, and at once if that hour was missed."""

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

LOOK_S = 60.0  # longest pause: the wall clock may be set, and a failed job is retried


class OnceADay(Protocol):
    """A job to do once a day. Raises StoreError where the store fails."""

    async def is_due(self, hour: DailyHour) -> bool:
        """Return whether the job has not been done since the last occurrence of that hour."""
        ...

    async def run(self) -> object:
        """Do the job."""
        ...


def check_hour(settings: Settings) -> DailyHour:
    """Return the configured hour of the daily check."""
    return DailyHour(settings.billing.daily_check, settings.billing.timezone)


def purge_hour(settings: Settings) -> DailyHour:
    """Return the configured hour of the purge."""
    return DailyHour(settings.retention.purge, settings.billing.timezone)


class DailyTask:
    """Runs a daily job whenever it is due; `failed` builds the fact that reports a failure."""

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
        """Use another hour from now on."""
        self._hour = hour
        self._changed.set()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._changed.clear()
            pause_s = await self.look()
            await pause(pause_s, self._changed)

    async def look(self) -> float:
        """Do the job if it is due; return the seconds until the next look."""
        try:
            if await self._work.is_due(self._hour):
                await self._work.run()
        except StoreError as error:
            self._emit(self._failed(self._clock.now(), str(error)))
        except Exception as error:  # noqa: BLE001 - no failed job may stop hooks
            self._emit(self._failed(self._clock.now(), in_words(error)))
        now = self._clock.now()
        return min(LOOK_S, (self._hour.next(now) - now).total_seconds())

"""When something that is done once a day is due, on the wall clocks of the provider's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from pbxbilling.kernel.period import zone


@dataclass(frozen=True, slots=True)
class DailyHour:
    """A time of the day in an IANA zone: one instant each local day.

    Where clocks are put back it is the first of the two; a time that they jump over is as long
    after midnight as it would have been (PEP 495, `fold=0`).
    """

    hour: time
    timezone: str

    def last(self, at: datetime) -> datetime:
        """The latest due moment that is not after `at`, UTC."""
        return max(moment for moment in self._around(at) if moment <= at)

    def is_due(self, done_at: datetime | None, at: datetime) -> bool:
        """Whether what was done last at `done_at` (None: never) is due at `at`.

        So it is after a night that was slept through too.
        """
        return done_at is None or done_at < self.last(at)

    def next(self, at: datetime) -> datetime:
        """The earliest due moment after `at`, UTC."""
        return min(moment for moment in self._around(at) if moment > at)

    def _around(self, at: datetime) -> list[datetime]:
        """Two days each way: a jump near midnight can put a moment into the day after its own."""
        place = zone(self.timezone)
        today = at.astimezone(place).date()
        days = (today + timedelta(days=days) for days in range(-2, 3))
        return [datetime.combine(day, self.hour, place).astimezone(UTC) for day in days]

"""When a daily job is due, by wall-clock time in the provider's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from pbxbilling.kernel.period import zone


@dataclass(frozen=True, slots=True)
class DailyHour:
    """A time of day in an IANA time zone: one instant for each local day.

    Where clocks go back it is the first of the two instants; a time that they skip stays as long
    after midnight as it would have been (PEP 495, `fold=0`).
    """

    hour: time
    timezone: str

    def last(self, at: datetime) -> datetime:
        """Return the latest due instant that is not after `at`, in UTC."""
        return max(moment for moment in self._around(at) if moment <= at)

    def is_due(self, done_at: datetime | None, at: datetime) -> bool:
        """Return whether a job last done at `done_at` (None: never) is due at `at`.

        It stays due after a night in which the machine slept.
        """
        return done_at is None or done_at < self.last(at)

    def next(self, at: datetime) -> datetime:
        """Return the earliest due instant after `at`, in UTC."""
        return min(moment for moment in self._around(at) if moment > at)

    def _around(self, at: datetime) -> list[datetime]:
        """Return the instants of two days each way: skipped time can move one to the next day."""
        place = zone(self.timezone)
        today = at.astimezone(place).date()
        days = (today + timedelta(days=days) for days in range(-2, 3))
        return [datetime.combine(day, self.hour, place).astimezone(UTC) for day in days]

"""The tests' clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Clock:
    """A clock moved by hand through `passed_s`; `ahead_s` steps its wall time."""

    def __init__(self, start: datetime = START) -> None:
        self.start = start
        self.passed_s = 0.0
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed_s + self.ahead_s)

    def monotonic(self) -> float:
        return 1000.0 + self.passed_s

    def move_to(self, now: datetime) -> None:
        """Let time pass until an unstepped wall clock would show `now`."""
        self.passed_s = (now - self.start).total_seconds()

"""The tests' clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that goes only when told, by `passed_s`; its wall time may be stepped, `ahead_s`."""

    def __init__(self, start: datetime = START) -> None:
        self.start = start
        self.passed_s = 0.0
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed_s + self.ahead_s)

    def monotonic(self) -> float:
        return 1000.0 + self.passed_s

    def move_to(self, now: datetime) -> None:
        """So much time passes that a clock which was never stepped would show that."""
        self.passed_s = (now - self.start).total_seconds()

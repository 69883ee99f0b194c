"""The machine's clock, the one place that asks what time it is; and what is told once a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

QUIET_S = 60.0


class SystemClock:
    """Wall time for stamps, monotonic time for limits and for doubts about the wall."""

    def now(self) -> datetime:
        """The current instant, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never step."""
        return time.monotonic()


class LogThrottle:
    """Of many refusals in a row, which are told aloud; all of them are counted."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._quiet_until = float("-inf")

    def claim(self) -> bool:
        """Whether this one is, which makes those of the next minute quiet."""
        mono = self._monotonic()
        if mono < self._quiet_until:
            return False
        self._quiet_until = mono + QUIET_S
        return True

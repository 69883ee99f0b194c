"""The machine's clock, read nowhere else; and a throttle for refusals that are logged."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

QUIET_S = 60.0


class SystemClock:
    """Wall time for stamps; monotonic time for limits, and to check steps of the wall time."""

    def now(self) -> datetime:
        """Return the current instant, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never step."""
        return time.monotonic()


class LogThrottle:
    """Decides which of many refusals in a row are logged: one a minute; all are counted."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._quiet_until = float("-inf")

    def claim(self) -> bool:
        """Return whether to log this refusal; if so, those of the next minute are not logged."""
        mono = self._monotonic()
        if mono < self._quiet_until:
            return False
        self._quiet_until = mono + QUIET_S
        return True

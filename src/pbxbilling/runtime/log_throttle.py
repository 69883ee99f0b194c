"""What anybody can cause as often as he likes is told in a line of its own once a minute."""

from __future__ import annotations

from collections.abc import Callable

QUIET_S = 60.0


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

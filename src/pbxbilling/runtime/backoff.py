"""Pauses between attempts to reach a counterpart: shared by all links that are kept up."""

from __future__ import annotations

import random


class Backoff:
    """Pauses between attempts: longer and longer, and never in step with other daemons.

    Decorrelated jitter: each pause lies between the shortest and three times the one before.
    """

    def __init__(self, min_s: float, max_s: float, rng: random.Random) -> None:
        self._min_s = min_s
        self._max_s = max_s
        self._rng = rng
        self._last_s = min_s

    def next_s(self) -> float:
        """How long to wait now."""
        self._last_s = min(self._max_s, self._rng.uniform(self._min_s, self._last_s * 3))
        return self._last_s

    def reset(self) -> None:
        """An attempt succeeded: the next pause is a short one again."""
        self._last_s = self._min_s

"""What the public HTTP has turned away, counted for a test."""

from __future__ import annotations

from collections import Counter


class TurnedAway:
    """Counts by kind."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def turned_away(self, what: str) -> None:
        self.counted[what] += 1

"""The rate limit of states, which are published for convenience."""

from __future__ import annotations

from pbxbilling.kernel.ports import Clock


class Pace:
    """A token bucket: `per_s` messages a second, at once no more than a tenth of that."""

    def __init__(self, per_s: float, clock: Clock) -> None:
        self._per_s = per_s
        self._burst = per_s / 10
        self._clock = clock
        self._left = self._burst
        self._counted_at = clock.monotonic()

    @property
    def allowed(self) -> int:
        """How many messages may leave now."""
        now = self._clock.monotonic()
        gained = (now - self._counted_at) * self._per_s
        self._left, self._counted_at = min(self._burst, self._left + gained), now
        return int(self._left)

    def spend(self, count: int) -> None:
        """Take `count` messages that left off the allowance."""
        self._left -= count

    @property
    def next_s(self) -> float:
        """How long until a message may leave, in seconds."""
        return 0.0 if self.allowed else (1 - self._left) / self._per_s

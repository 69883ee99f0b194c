"""One timer for all sessions: they have the same time limit, so the oldest is always due first.

A timer of its own for each session, set and cancelled, would cost more than reading its
environment does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from pbxbilling.kernel.ports import Clock

_CLOSE_ENOUGH_S = 0.001  # the loop's timers count in milliseconds


class Expiring(Protocol):
    """Somebody with a time limit."""

    over: bool

    def expire(self) -> None:
        """Called once when the limit has passed, unless `over` by then."""
        ...


class Deadlines:
    """Calls `expire` on whoever is not over `limit_s` seconds after having entered."""

    def __init__(self, limit_s: float, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self.limit_s = limit_s
        self._clock = clock
        self._loop = loop
        self._waiting: deque[tuple[float, Expiring]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, one: Expiring, now: float) -> None:
        """Start the time of one; `now` is the clock's monotonic time."""
        self._waiting.append((now + self.limit_s, one))
        if self._timer is None:
            self._timer = self._loop.call_later(self.limit_s, self._sweep)

    def _sweep(self) -> None:
        """Expire who is due, forget who is over, and sleep until the next one is due."""
        self._timer = None
        waiting = self._waiting
        due = self._clock.monotonic() + _CLOSE_ENOUGH_S
        try:
            while waiting and (waiting[0][1].over or waiting[0][0] <= due):
                one = waiting.popleft()[1]
                if not one.over:
                    one.expire()
        finally:
            if waiting and self._timer is None:
                self._timer = self._loop.call_later(waiting[0][0] - due, self._sweep)

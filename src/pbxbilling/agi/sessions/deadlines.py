"""One timer for all sessions: they have the same time limit, so the oldest is always due first.

Setting and cancelling a timer for each session would cost more than reading its environment.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from pbxbilling.kernel.ports import Clock

_CLOSE_ENOUGH_S = 0.001  # the event loop's timers count in milliseconds


class Expiring(Protocol):
    """An object with a time limit."""

    over: bool

    def expire(self) -> None:
        """Handle the end of the time limit; called once, unless `over` by then."""
        ...


class Deadlines:
    """Calls `expire` on each object that is not `over` within `limit_s` seconds of `enter`."""

    def __init__(self, limit_s: float, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self.limit_s = limit_s
        self._clock = clock
        self._loop = loop
        self._waiting: deque[tuple[float, Expiring]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, one: Expiring, now: float) -> None:
        """Start the time limit of one object; `now` is the clock's monotonic time."""
        self._waiting.append((now + self.limit_s, one))
        if self._timer is None:
            self._timer = self._loop.call_later(self.limit_s, self._sweep)

    def _sweep(self) -> None:
        """Expire the objects that are due, forget those that are over, and set the next timer."""
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

"""How tasks wait: for a time, for work, for one another.

This is all of asyncio that a subject may use: it waits, and opens nothing.
"""

from __future__ import annotations

import random
from asyncio import Event, Lock, Semaphore, TaskGroup, gather, sleep, timeout
from collections.abc import Generator
from contextlib import suppress
from typing import TypeVar

__all__ = [
    "Backoff", "Event", "Lock", "Semaphore", "TaskGroup", "gather", "in_turns", "pause", "sleep",
]  # fmt: skip

T = TypeVar("T")


async def pause(limit_s: float | None, ended_by: Event) -> None:
    """Return when the event is set, or after `limit_s` seconds; None: only when it is set."""
    with suppress(TimeoutError):
        async with timeout(limit_s):
            await ended_by.wait()


class Backoff:
    """Pauses between attempts, longer and longer, and never in step with other daemons.

    Decorrelated jitter: each pause lies between the shortest and three times the one before.
    """

    def __init__(self, min_s: float, max_s: float, rng: random.Random) -> None:
        self._min_s = min_s
        self._max_s = max_s
        self._rng = rng
        self._last_s = min_s

    def next_s(self) -> float:
        """Return how long to wait before the next attempt, in seconds."""
        self._last_s = min(self._max_s, self._rng.uniform(self._min_s, self._last_s * 3))
        return self._last_s

    def reset(self) -> None:
        """Make the next pause short again, after an attempt that succeeded."""
        self._last_s = self._min_s


async def in_turns(steps: Generator[None, None, T]) -> T:
    """Run a generator to its end, let other tasks run at each `yield`, and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await sleep(0)

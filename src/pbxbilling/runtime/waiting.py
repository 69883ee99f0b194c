"""How tasks wait: for their time, for something to do, for one another.

What a subject needs of asyncio is here, and no more: it waits, and opens nothing.
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
    """Return when the event is set, or after so many seconds; None: only then."""
    with suppress(TimeoutError):
        async with timeout(limit_s):
            await ended_by.wait()


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


async def in_turns(steps: Generator[None, None, T]) -> T:
    """Run it to its end, with a turn for everybody else at each `yield`; gives what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await sleep(0)

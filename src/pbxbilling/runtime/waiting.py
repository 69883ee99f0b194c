"""How tasks wait: for their time, for something to do, for one another.

What a subject needs of asyncio is here, and no more: it waits, and opens nothing.
"""

from __future__ import annotations

from asyncio import Event, Lock, Semaphore, TaskGroup, gather, sleep, timeout
from contextlib import suppress

__all__ = ["Event", "Lock", "Semaphore", "TaskGroup", "gather", "pause", "sleep"]


async def pause(limit_s: float | None, ended_by: Event) -> None:
    """Return when the event is set, or after so many seconds; None: only then."""
    with suppress(TimeoutError):
        async with timeout(limit_s):
            await ended_by.wait()

"""Pauses that an event ends early: how tasks wait for their time, or for something to do."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def pause(limit_s: float | None, ended_by: asyncio.Event) -> None:
    """Return when the event is set, or after so many seconds; None: only then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await ended_by.wait()

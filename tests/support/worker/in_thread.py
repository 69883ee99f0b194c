"""The worker's jobs without its process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pbxbilling.worker.frames import Frames
from pbxbilling.worker.jobs import perform
from pbxbilling.worker.process import REFUSED, RefusedByJob


class WorkerInThread:
    """Runs jobs in a thread; `meanwhile` runs once, before the first result is handed over."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]] | None = None) -> None:
        self.meanwhile = meanwhile
        self.runs = 0

    async def run(self, job: str, given: Frames, made: Frames, limit_s: float = 0.0) -> None:
        """Run a job, as `Worker` says."""
        given.seal()
        await asyncio.to_thread(perform, job, given, made)
        self.runs += 1
        for refusal in made.take(REFUSED):
            raise RefusedByJob(*refusal)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()

"""Reports and restarts background tasks that fail, so that they do not end the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from pbxbilling.kernel.facts import TaskFailed
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.kernel.text import in_words

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
QUIET_S = 60.0  # a task's fault that recurs within this time is not reported again


class Supervisor:
    """Keeps tasks running that are not vital. Hook, AMI, store and HTTP are vital: their end ends
    the daemon. Cancellation passes through.
    """

    def __init__(self, clock: Clock, emit: EventSink) -> None:
        self._clock = clock
        self._emit = emit
        self._published: dict[str, tuple[str, float]] = {}  # task → its last fault, and when

    async def keep_running(self, task: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a task until it ends by itself; restart it on failure, after ever longer pauses.

        A task that has run for `LONGEST_PAUSE_S` starts over with the shortest pause.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = self._clock.monotonic()
            with self.guarded(task):
                await run()
                return
            if self._clock.monotonic() - began_s > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    @contextmanager
    def guarded(self, task: str) -> Iterator[None]:
        """Report an exception of the body as `TaskFailed`, and continue after the body."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - no failed task may stop calls
            self._publish_failure(task, in_words(error))

    def _publish_failure(self, task: str, error: str) -> None:
        now_s = self._clock.monotonic()
        last = self._published.get(task)
        if last is None or last[0] != error or now_s - last[1] >= QUIET_S:
            self._published[task] = (error, now_s)
            self._emit(TaskFailed(self._clock.now(), task, error))

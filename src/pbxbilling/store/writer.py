"""Takes records at once and commits them to the store a little later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import StoreFailing, StoreRecovered
from pbxbilling.kernel.ports import Clock, EventSink, RecordStore
from pbxbilling.kernel.records import Record
from pbxbilling.store.database.faults import RecordError
from pbxbilling.store.queue.record_queue import RecordQueue
from pbxbilling.store.transaction import draw_number

CAPACITY = 100_000
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
PAUSE_S = 0.05
STALLED_S = 15.0  # longer than SQLite takes to report a locked file


class StoreWriter:
    """A `RecordSink` in front of a store; one task (`run`) commits whatever is queued, greedily.

    While one transaction is written the next batch gathers, and for `pause_s` longer unless a
    `flush` waits for it: a transaction costs the same with one record as with twenty, and delays
    the verdicts by that cost. The first record after a quiet time is written at once.

    A failed write is retried with growing pauses; `put` never waits for it.

    A record that the database would never accept is left out, so that it does not block the others.
    """

    def __init__(
        self,
        store: RecordStore,
        clock: Clock,
        observer: EventSink,
        *,
        capacity: int = CAPACITY,
        first_retry_s: float = FIRST_RETRY_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._first_retry_s = first_retry_s
        self._pause_s = pause_s
        self._something = asyncio.Event()
        self._awaited = asyncio.Event()
        self.queue = RecordQueue(clock, capacity, self._something.set)
        self.put = self.queue.put
        self._fault: str | None = None

    @property
    def depth(self) -> int:
        """Number of records that are not durable yet."""
        return self.queue.depth

    @property
    def oldest_age_s(self) -> float:
        """Seconds that the oldest of them has waited; 0 if there is none."""
        return self.queue.oldest_age_s

    @property
    def fault(self) -> str | None:
        """Why the store cannot be written at the moment; None if it can."""
        if self._fault is None and self.oldest_age_s > STALLED_S:
            return f"a write has taken more than {STALLED_S:g} s: check the disk"
        return self._fault

    @property
    def dropped(self) -> int:
        """Number of decisions dropped because the queue was full."""
        return self.queue.dropped_admissions + self.queue.dropped_refusals

    async def flush(self) -> None:
        """Wait until every record queued now is durable (or left out), however long it takes."""
        batch = self.queue.writing
        if len(self.queue.gathering.pending):
            batch = self.queue.gathering
            self._awaited.set()
        if batch is not None:
            await batch.done.wait()

    async def drain(self, limit_s: float) -> int:
        """Wait up to `limit_s` for the queue to empty; return how many records are unwritten."""
        try:
            async with asyncio.timeout(limit_s):
                while self.depth:
                    await self.flush()
        except TimeoutError:
            pass
        return self.depth

    async def run(self) -> None:
        """Write until cancelled; cancel it after `drain`."""
        loop = asyncio.get_running_loop()
        not_before = loop.time()
        while True:
            await self._something.wait()
            await self._gather(until=not_before)
            self._something.clear()
            self._awaited.clear()
            await self._write(self.queue.take().records)
            self.queue.written()
            not_before = loop.time() + self._pause_s

    async def _gather(self, until: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._awaited.wait()

    async def _write(self, records: Sequence[Record]) -> None:
        pause_s, number = self._first_retry_s, draw_number()
        while True:
            try:
                await self._store.commit(records, number=number)
            except RecordError as fault:
                await self._set_aside(records, fault)
                return
            except StoreError as fault:
                self._publish_failing(fault)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_RETRY_S)
            else:
                self._publish_recovered(len(records))
                return

    async def _set_aside(self, records: Sequence[Record], fault: StoreError) -> None:
        """Bisect the batch down to the rejected record, and write the others."""
        if len(records) > 1:
            middle = len(records) // 2
            await self._write(records[:middle])
            await self._write(records[middle:])
            return
        self._publish_failing(fault)

    def _publish_failing(self, fault: StoreError) -> None:
        """Publish each distinct fault once; a different one is published, as its fix differs."""
        if str(fault) != self._fault:
            self._fault = str(fault)
            self._observer(StoreFailing(self._clock.now(), str(fault), self.depth))

    def _publish_recovered(self, written: int) -> None:
        if self._fault is not None:
            self._fault = None
            self._observer(StoreRecovered(self._clock.now(), written))

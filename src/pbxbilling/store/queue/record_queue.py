"""Bounded queue of records waiting for the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pbxbilling.kernel.ports import Clock
from pbxbilling.kernel.records import QueuedRecord
from pbxbilling.store.queue.pending import Pending

REFUSALS_BEYOND = 4  # times the capacity


class Batch:
    """Records that are, or will be, written in one transaction."""

    __slots__ = ("done", "pending", "records", "since")

    def __init__(self) -> None:
        self.pending = Pending()
        self.records: list[QueuedRecord] = []
        self.since: float | None = None
        self.done = asyncio.Event()


class RecordQueue:
    """Two batches: one that gathers records, and the one being written, if any.

    Beyond `capacity` waiting records (about 1 KB each) the oldest admissions are dropped and
    counted in `dropped_admissions`; beyond four times that, the oldest refusals too
    (`dropped_refusals`). Calls, legs, their meter events and marks are never dropped: they may
    exceed the bound, by one record per call or leg.
    """

    def __init__(self, clock: Clock, capacity: int, wake: Callable[[], object]) -> None:
        self._clock = clock
        self._capacity = capacity
        self._wake = wake
        self.gathering = Batch()
        self.writing: Batch | None = None
        self.dropped_admissions = 0
        self.dropped_refusals = 0

    @property
    def depth(self) -> int:
        """Number of records that are not durable yet."""
        return len(self.gathering.pending) + (len(self.writing.records) if self.writing else 0)

    @property
    def oldest_age_s(self) -> float:
        """Seconds that the oldest of them has waited; 0 if there is none."""
        since = self.writing.since if self.writing else self.gathering.since
        return 0.0 if since is None else max(0.0, self._clock.monotonic() - since)

    def put(self, record: QueuedRecord) -> None:
        """Queue one record; never waits, never fails."""
        batch = self.gathering
        if batch.since is None:
            batch.since = self._clock.monotonic()
            self._wake()
        batch.pending.put(record)
        if self.depth > self._capacity:
            self._shed()

    def _shed(self) -> None:
        pending = self.gathering.pending
        while self.depth > self._capacity and pending.drop_admission():
            self.dropped_admissions += 1
        hard = self._capacity * REFUSALS_BEYOND
        while self.depth > hard and pending.drop_refusal():
            self.dropped_refusals += 1

    def take(self) -> Batch:
        """Return the gathered batch for writing, and start gathering a new one."""
        batch, self.gathering = self.gathering, Batch()
        batch.records = batch.pending.records()
        self.writing = batch
        return batch

    def written(self) -> None:
        """Mark the taken batch as durable (or left out), and wake those waiting for it."""
        batch, self.writing = self.writing, None
        if batch is not None:
            batch.done.set()

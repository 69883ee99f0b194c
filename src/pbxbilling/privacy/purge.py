"""Purge rows that have been kept for their time, and cut numbers, a small batch at a time.

Each batch is a transaction of some milliseconds on the one writing connection, followed by a rest,
so that records of live calls are written as usual. A kill loses nothing: the next run continues.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from pbxbilling.kernel.daily_hour import DailyHour
from pbxbilling.kernel.ports import Clock, Cursors, EventSink
from pbxbilling.kernel.records import Cursor
from pbxbilling.privacy.ports import RetentionStore
from pbxbilling.privacy.retention import CUTS, Chore, Purged, Retention

CURSOR = "purge"
BATCH = 50  # rows in a transaction: 6 ms on two shared cores
ROUND = 2000  # rows found by one query
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Purge:
    """Does every chore of the retention in force. Raises StoreError; work already done stays."""

    def __init__(
        self,
        retention_store: RetentionStore,
        cursors: Cursors,
        clock: Clock,
        emit: EventSink,
        retention: Retention,
        rest: Callable[[], Awaitable[None]],
        alone: AbstractAsyncContextManager[object],
    ) -> None:
        """Take `rest` to let others write between batches, and `alone` to exclude a second purge.

        `retention` is in force until another one replaces it.
        """
        self._retention_store = retention_store
        self._cursors = cursors
        self._clock = clock
        self._emit = emit
        self.retention = retention
        self._rest = rest
        self._alone = alone

    async def is_due(self, hour: DailyHour) -> bool:
        """Return whether no purge has been completed since the last due instant."""
        return hour.is_due(await self._cursors.cursor(CURSOR), self._clock.now())

    async def preview(self) -> Mapping[Chore, int]:
        """Return how many rows each chore would change now."""
        cutoffs = self.retention.cutoffs(self._clock.now())
        return {
            chore: await self._retention_store.count(chore, before) for chore, before in cutoffs
        }

    async def run(self, limit_s: float | None = None) -> Purged:
        """Do what is due, for `limit_s` seconds at most; a completed purge is not due again."""
        async with self._alone:
            at, until = self._clock.now(), None
            if limit_s is not None:
                until = self._clock.monotonic() + limit_s
            rows: Counter[Chore] = Counter()
            complete = True
            for chore, before in self.retention.cutoffs(at):
                rows[chore] += 0
                complete = complete and await self._do(chore, before, rows, until)
            purged = Purged(at, dict(rows), complete)
            if complete:
                await self._cursors.commit([Cursor(CURSOR, at)], [purged])
        self._emit(purged)
        return purged

    async def cut_numbers_of(self, tenant: str) -> int:
        """Cut the numbers in all rows of a tenant, however recent; return how many rows."""
        rows: Counter[Chore] = Counter()
        async with self._alone:
            for chore in sorted(CUTS):
                await self._do(chore, self._clock.now(), rows, None, tenant)
        return rows.total()

    async def _do(
        self,
        chore: Chore,
        before: datetime,
        rows: Counter[Chore],
        until: float | None,
        tenant: str | None = None,
    ) -> bool:
        """Do one chore; return True where it is done, False where the time ran out."""
        since, whole = _BEGINNING, True
        while whole:
            found = await self._retention_store.due(chore, since, before, ROUND, tenant=tenant)
            for first in range(0, len(found), BATCH):
                if until is not None and self._clock.monotonic() >= until:
                    return False
                keys = [due.key for due in found[first : first + BATCH]]
                rows[chore] += await self._retention_store.do(chore, before, keys)
                await self._rest()
            whole = len(found) == ROUND
            since = found[-1].at if found else since
        return True

"""Implements the ports of transactions on an SQL database; refuses nested ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from secrets import randbits
from typing import Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Consequences
from pbxbilling.kernel.records import Record
from pbxbilling.store.database.database import Database
from pbxbilling.store.database.faults import ConflictError
from pbxbilling.store.identity import SqlIdentity
from pbxbilling.store.invoice_runs import SqlInvoiceRuns
from pbxbilling.store.prepared import PreparedRows
from pbxbilling.store.reads import TransactionReads
from pbxbilling.store.rows import accounts as account_rows
from pbxbilling.store.statements import SqlStatements
from pbxbilling.store.subscriptions import SqlSubscriptions
from pbxbilling.store.usage_events import SqlMeterOutbox
from pbxbilling.store.writes import Writes

T = TypeVar("T")

_NUMBER_BITS = 63  # a BIGINT that is not negative
RUNS = 5
FIRST_PAUSE_S = 0.01


class SqlTransaction:
    """An open transaction: its parts read over its connection, so they see what it wrote.

    The parts are the store's: `statement_store`, `subscription_store`, `meters`, `invoice_runs`,
    `identity_store`.
    """

    def __init__(
        self,
        database: Database,
        connection: AsyncConnection,
        writes: Writes,
        consequences: Consequences | None = None,
        *,
        is_committed: bool = False,
    ) -> None:
        """`is_committed`: an earlier attempt of the same number was; nothing is left to do."""
        self.is_committed = is_committed
        self._reads = TransactionReads(database, connection)
        self._writes = writes
        self._consequences = consequences
        self.subscription_store = SqlSubscriptions(self._reads)
        self.statement_store = SqlStatements(self._reads)
        self.meters = SqlMeterOutbox(self._reads)
        self.invoice_runs = SqlInvoiceRuns(self._reads)
        self.identity_store = SqlIdentity(self._reads)

    async def write(self, records: Sequence[Record], facts: Sequence[Fact] = ()) -> None:
        """Write records, and those that follow from `facts`; reads inside see them at once."""
        if self._consequences is not None and facts:
            records = [*records, *self._consequences.records_for(facts)]
        prepared = [record for record in records if isinstance(record, PreparedRows)]
        others = [record for record in records if not isinstance(record, PreparedRows)]
        async with self.connection() as connection:
            for rows in prepared:
                await connection.exec_driver_sql(self._writes.sql_of(rows), list(rows.rows))
            for statement, values in self._writes.of(others):
                await connection.execute(statement, values)

    async def next_version(self) -> int:
        """Take the next version of the accounts, and return it; see `AccountTransaction`."""
        async with self.connection() as connection:
            taking = account_rows.next_version(connection.dialect.name)
            return int((await connection.execute(taking)).scalar_one())

    async def cursor(self, name: str) -> datetime | None:
        """Return the position saved under a name, as this transaction sees it; None: not begun."""
        return await self._reads.cursor(name)

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give the connection, for statements that no record represents. Raises StoreError."""
        return self._reads.connection()

    @contextmanager
    def body(self) -> Iterator[Self]:
        """Yield the transaction to its body; afterwards raise the error that spoilt it, if any."""
        try:
            yield self
            self._reads.check()
        finally:
            self._reads.end()


def draw_number() -> int:
    """Return a number for a commit that no other one has."""
    return randbits(_NUMBER_BITS)


async def run_again_on_conflict(run: Callable[[], Awaitable[T]]) -> T:
    """Return what `run` returns; rerun it after a `ConflictError`, up to `RUNS` times in all."""
    pause_s = FIRST_PAUSE_S
    for _ in range(RUNS - 1):
        try:
            return await run()
        except ConflictError:
            await asyncio.sleep(pause_s)
            pause_s *= 2
    return await run()


@dataclass(slots=True)
class _Opened:
    nesting: Nesting
    key: str
    over: bool = False


# The transactions that enclose the running code, including those of the tasks that started it.
_OPENED: ContextVar[tuple[_Opened, ...]] = ContextVar("_OPENED", default=())


class Nesting:
    """Refuses a transaction inside another one of the same store: it would deadlock."""

    @contextmanager
    def inside(self, key: str) -> Iterator[None]:
        """Mark the body as inside a transaction. Raises RuntimeError if it already is inside one.

        A task started in the body counts as inside, too: the body may be waiting for it.
        """
        outer = _OPENED.get()
        for one in outer:
            if one.nesting is self and not one.over:
                raise RuntimeError(
                    f"the transaction {key!r} begins inside the transaction {one.key!r} of the"
                    " same store and would wait for its end: write with the open one"
                )
        mine = _Opened(self, key)
        _OPENED.set((*outer, mine))
        try:
            yield
        finally:
            mine.over = True
            _OPENED.set(outer)

"""The ports that every subject shares: the clock, sinks of facts and records, and the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.records import QueuedRecord, Record

T = TypeVar("T")


class Clock(Protocol):
    """The source of time."""

    def now(self) -> datetime:
        """Return the current instant, aware and in UTC; it stamps facts."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never step; for time limits only."""
        ...


class EventSink(Protocol):
    """A consumer of facts. It must neither raise nor wait."""

    def __call__(self, fact: Fact, /) -> None:
        """Handle one fact."""
        ...


class RecordSink(Protocol):
    """Accepts records without waiting; they are durable a little later."""

    def put(self, record: QueuedRecord) -> None:
        """Queue one record; records of one key keep their order."""
        ...


class Consequences(Protocol):
    """Makes what must not be lost when facts are published: a notification, a delivery, a webhook.

    It is called before the commit, and its records are committed together with what the facts
    report. Sinks of facts run only afterwards, and their work can be lost with the process.
    """

    def records_for(self, facts: Sequence[Fact], /) -> Sequence[QueuedRecord]:
        """Return the records that these facts require; must be pure and quick."""
        ...


class Transaction(Protocol):
    """An open transaction: at its end, all that it wrote becomes durable, or nothing does.

    After a `StoreError` inside it nothing is saved, even where its body continues.
    """

    async def write(self, records: Sequence[Record], facts: Sequence[Fact] = ()) -> None:
        """Write records, and what follows from `facts`.

        Reads inside the transaction see them at once, all other reads after its end.
        """
        ...

    async def cursor(self, name: str) -> datetime | None:
        """Return the cursor of that name, as this transaction sees it; None: not begun."""
        ...


class RecordStore(Protocol):
    """Stores records. Raises StoreError for every error that the outside causes."""

    async def commit(
        self, records: Sequence[Record], facts: Sequence[Fact] = (), number: int | None = None
    ) -> None:
        """Write all records, and what follows from `facts`, in one durable transaction, or nothing.

        The caller publishes `facts` once the transaction is durable.

        Who repeats a commit that failed gives each attempt the same `number`, drawn at random: an
        earlier one may have succeeded without its answer, and the records are written once.
        """
        ...

    def transaction(self, key: str) -> AbstractAsyncContextManager[Transaction]:
        """Open a durable transaction that excludes every other one of the same key.

        A key looks like "tenant acme". An exception in the body rolls all back and propagates.

        The body must be short and wait for nothing but the transaction: SQLite has one writing
        connection, for which every record of live calls waits as well. Raises RuntimeError for
        another transaction or commit of this store inside the body, or in a task that it starts.
        """
        ...

    async def transact(self, key: str, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in such a transaction and return its result.

        Where the database aborts the transaction in favour of another one, `work` runs again as a
        whole, a few times: it must do nothing but read and write in its transaction.
        """
        ...


class Cursors(RecordStore, Protocol):
    """Stores cursors; a `Cursor` in a commit moves one together with the rest of that commit."""

    async def cursor(self, name: str) -> datetime | None:
        """Return the cursor of that name; None: not begun."""
        ...

    async def cursors_of(self, names: Iterable[str]) -> dict[str, datetime]:
        """Return the cursors of these names that have begun."""
        ...

"""Time, and where facts and records go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.records import QueuedRecord, Record

T = TypeVar("T")


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """The current instant, aware UTC; stamps facts."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step; for time limits only."""
        ...


class EventSink(Protocol):
    """Somebody who makes something of facts. It must not raise, nor wait."""

    def __call__(self, fact: Fact, /) -> None:
        """Take one fact."""
        ...


class RecordSink(Protocol):
    """Where records go to be kept: at once, without waiting; durable a little later."""

    def put(self, record: QueuedRecord) -> None:
        """Queue one record; records of one key keep their order."""
        ...


class Consequences(Protocol):
    """What must not be lost of what facts tell: a notification, a delivery, a webhook.

    It is asked before the commit, and what it returns is committed together with what the facts
    tell. Sinks of facts hear of them only afterwards, and may be lost with the process.
    """

    def records_for(self, facts: Sequence[Fact], /) -> Sequence[QueuedRecord]:
        """Return the records that these facts make necessary; pure, and quick."""
        ...


class Transaction(Protocol):
    """An open transaction: at its end all that it wrote becomes durable, or nothing does.

    A `StoreError` in it spoils it: nothing of it is kept, even where its body goes on.
    """

    async def write(self, records: Sequence[Record], facts: Sequence[Fact] = ()) -> None:
        """Write records, and what follows from `facts`.

        Reads inside see them at once, all others after the end.
        """
        ...

    async def cursor(self, name: str) -> datetime | None:
        """Return how far something has come, as this transaction sees it; None: not begun."""
        ...


class RecordStore(Protocol):
    """Keeps records. Every error that the outside causes is a `StoreError`."""

    async def commit(self, records: Sequence[Record], facts: Sequence[Fact] = ()) -> None:
        """Write all of them, and what follows from `facts`, in one durable transaction, or none.

        `facts` are what the caller publishes once it is durable.
        """
        ...

    def transaction(self, key: str) -> AbstractAsyncContextManager[Transaction]:
        """Open a durable transaction that excludes every other one of the same key.

        A key is such as "tenant acme". An exception of the body rolls all back and passes through.

        The body must be short and wait for nothing but the transaction: on SQLite there is one
        writing connection, for which every record of live calls waits as well. Another transaction
        or commit of this store inside it, or in a task that it begins, raises RuntimeError.
        """
        ...

    async def transact(self, key: str, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in such a transaction and return its result.

        Where the database gives the transaction up for another one, `work` runs again as a whole,
        a few times: it must do nothing but read and write in its transaction.
        """
        ...


class Cursors(RecordStore, Protocol):
    """Keeps how far something has come: a `Cursor` moves it, with all that is in its commit."""

    async def cursor(self, name: str) -> datetime | None:
        """How far something has come; None before its beginning."""
        ...

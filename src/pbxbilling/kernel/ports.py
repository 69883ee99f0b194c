"""Time, and where facts and records go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.records import QueuedRecord, Record


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


class RecordStore(Protocol):
    """Keeps records. Every error that the outside causes is a `StoreError`."""

    async def commit(self, records: Sequence[Record]) -> None:
        """Write all of them in one durable transaction, or none."""
        ...


class Cursors(RecordStore, Protocol):
    """Keeps how far something has come: a `Cursor` moves it, with all that is in its commit."""

    async def cursor(self, name: str) -> datetime | None:
        """How far something has come; None before its beginning."""
        ...

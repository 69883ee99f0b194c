"""Reading: each answer from one state of the database, and in a transaction from its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Row, Select, Table, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store import schema
from pbxbilling.store.database.engine import reader_engine
from pbxbilling.store.database.faults import told_as_store_errors
from pbxbilling.store.rows.values import instant

T = TypeVar("T")

_KEYS_A_QUERY = 1000  # far below what any database binds in one statement
_PART = 200  # rows: one or two milliseconds of the event loop


class Reads(ABC):
    """Queries over a connection; raises StoreError."""

    @abstractmethod
    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give a connection that sees one state of the database; raise StoreError."""

    async def rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """The rows of one query."""
        (result,) = await self.all(query)
        return result

    async def all(self, *queries: Select[Any]) -> list[Sequence[Row[Any]]]:
        """The rows of several queries, all of the same moment."""
        async with self.connection() as snapshot:
            return [(await snapshot.execute(query)).all() for query in queries]

    async def count(self, table: Table, where: ColumnElement[bool]) -> int:
        """How many rows there are of that kind."""
        ((number,),) = await self.rows(select(func.count()).select_from(table).where(where))
        return int(number)

    async def one(self, query: Select[Any], make: Callable[[Row[Any]], T]) -> T | None:
        """What is made of the first row; None where there is none."""
        found = await self.rows(query)
        return make(found[0]) if found else None

    async def keyed(
        self,
        query: Select[Any],
        key: Sequence[Column[Any]],
        wanted: Iterable[tuple[Any, ...]],
        make: Callable[[Row[Any]], T],
    ) -> list[T]:
        """What is made of the rows that have one of these keys; each thousand of its own moment."""
        found: list[T] = []
        left = iter(wanted)
        while some := list(islice(left, _KEYS_A_QUERY)):
            found += await self.many(query.where(tuple_(*key).in_(some)), make)
        return found

    async def many(self, query: Select[Any], make: Callable[[Row[Any]], T]) -> list[T]:
        """What is made of each row of a query that may have thousands."""
        found: list[T]
        (found,) = await self.made((query, make))
        return found

    async def made(self, *asked: tuple[Select[Any], Callable[[Row[Any]], Any]]) -> list[list[Any]]:
        """What is made of the rows of several such queries, all of the same moment.

        Rows come a part at a time: nobody waits for all of them, and they are never all in memory.
        """
        async with self.connection() as snapshot:
            return [await _made(snapshot, query, make) for query, make in asked]

    async def cursor(self, name: str) -> datetime | None:
        """Return how far something has come; None before its beginning."""
        query = select(schema.cursor.c.at).where(schema.cursor.c.name == name)
        return await self.one(query, lambda row: instant(row.at))


class PooledReads(Reads):
    """Queries over connections of their own, which never wait for a write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = reader_engine(path)

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for one moment of the database; raise StoreError."""
        with told_as_store_errors(self._path):
            async with self._engine.begin() as snapshot:
                yield snapshot


class TransactionReads(Reads):
    """Queries over the connection of an open transaction: they see what it wrote.

    The first error spoils the transaction, which may have half of a write by then: every use after
    it raises it again.
    """

    def __init__(self, path: Path, connection: AsyncConnection) -> None:
        self._path = path
        self._connection = connection
        self._fault: StoreError | None = None
        self._over = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Give the open connection, to read and to write; raise StoreError."""
        self.check()
        try:
            with told_as_store_errors(self._path):
                yield self._connection
        except StoreError as fault:
            self._fault = fault
            raise
        except BaseException as error:  # a time limit, too, ends a write in its middle
            self._fault = StoreError(f"database {self._path} was left in the middle: {error!r}")
            raise

    def check(self) -> None:
        """Raise the error that spoilt the transaction; RuntimeError where it is over."""
        if self._over:
            raise RuntimeError("this transaction is over: read and write before its end")
        if self._fault is not None:
            raise self._fault

    def end(self) -> None:
        """Serve nobody from now on."""
        self._over = True
        self._fault = None  # it refers to this object: nobody would collect the two


async def _made(
    snapshot: AsyncConnection, query: Select[Any], make: Callable[[Row[Any]], T]
) -> list[T]:
    found: list[T] = []
    async with snapshot.stream(query) as result:
        async for part in result.partitions(_PART):
            found += map(make, part)
    return found

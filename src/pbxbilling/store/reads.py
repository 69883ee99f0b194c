"""Runs queries, each on one snapshot of the database; in a transaction, on what it wrote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Row, Select, Table, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store import schema
from pbxbilling.store.database.connections import ONE_QUERY, Connections
from pbxbilling.store.database.database import Database
from pbxbilling.store.rows.values import instant

T = TypeVar("T")
Make = Callable[[Sequence[Row[Any]]], Iterable[T]]

_KEYS_A_QUERY = 1000  # far below any database's limit of parameters in one statement
_PART = 200  # rows: they block the event loop for one or two milliseconds


class Reads(ABC):
    """Queries over a connection. Raises StoreError."""

    @abstractmethod
    def connection(self, queries: int = 2) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give a connection that sees one snapshot of the database. Raises StoreError.

        One query alone sees one anyway, and is quicker where no transaction begins for it.
        """

    async def rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """Return the rows of one query."""
        (result,) = await self.all(query)
        return result

    async def all(self, *queries: Select[Any]) -> list[Sequence[Row[Any]]]:
        """Return the rows of several queries, all from one snapshot."""
        async with self.connection(len(queries)) as snapshot:
            return [(await snapshot.execute(query)).all() for query in queries]

    async def count(self, table: Table, where: ColumnElement[bool]) -> int:
        """Return how many rows of a table match."""
        ((number,),) = await self.rows(select(func.count()).select_from(table).where(where))
        return int(number)

    async def one(self, query: Select[Any], make: Callable[[Row[Any]], T]) -> T | None:
        """Return what `make` builds from the first row; None if there is none."""
        found = await self.rows(query)
        return make(found[0]) if found else None

    async def keyed(
        self,
        query: Select[Any],
        key: Sequence[Column[Any]],
        wanted: Iterable[tuple[Any, ...]],
        make: Callable[[Row[Any]], T],
    ) -> list[T]:
        """Return what `make` builds from the rows with these keys; 1,000 keys per snapshot."""
        found: list[T] = []
        left = iter(wanted)
        while some := list(islice(left, _KEYS_A_QUERY)):
            found += await self.many(query.where(tuple_(*key).in_(some)), make)
        return found

    async def many(self, query: Select[Any], make: Callable[[Row[Any]], T]) -> list[T]:
        """Return what `make` builds from each row of a query that may return thousands."""
        found: list[T]
        (found,) = await self.made((query, partial(map, make)))
        return found

    async def made(self, *asked: tuple[Select[Any], Make[Any]]) -> list[list[Any]]:
        """Return what is built from the rows of several such queries, all from one snapshot.

        Rows are fetched and built in parts: none blocks the event loop for long, and the rows are
        never all in memory.
        """
        async with self.connection(len(asked)) as snapshot:
            return [await _made(snapshot, query, make) for query, make in asked]

    async def cursor(self, name: str) -> datetime | None:
        """Return the position saved under a name; None before the first."""
        query = select(schema.cursor.c.at).where(schema.cursor.c.name == name)
        return await self.one(query, lambda row: instant(row.at))


class PooledReads(Reads):
    """Queries over a pool of read connections, which never wait for a write."""

    def __init__(self, database: Database, engine: AsyncEngine) -> None:
        self._database = database
        self._connections = Connections(engine)
        self._one_query = Connections(engine.execution_options(**ONE_QUERY))

    async def close(self) -> None:
        """Close the connections."""
        await self._one_query.close()
        await self._connections.close()

    @asynccontextmanager
    async def connection(self, queries: int = 2) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees one snapshot of the database. Raises StoreError."""
        connections = self._one_query if queries == 1 else self._connections
        with self._database.errors():
            async with connections.begin() as snapshot:
                yield snapshot


class TransactionReads(Reads):
    """Queries over the connection of an open transaction: they see what it wrote.

    The first error spoils the transaction, which may hold half of a write by then: every later use
    raises that error again.
    """

    def __init__(self, database: Database, connection: AsyncConnection) -> None:
        self._database = database
        self._connection = connection
        self._fault: StoreError | None = None
        self._over = False

    @asynccontextmanager
    async def connection(self, queries: int = 2) -> AsyncIterator[AsyncConnection]:  # noqa: ARG002
        """Give the open connection, for reading and writing. Raises StoreError."""
        self.check()
        try:
            with self._database.errors():
                yield self._connection
        except StoreError as fault:
            self._fault = fault
            raise
        except BaseException as error:  # a timeout, for one, can interrupt a write halfway
            self._fault = StoreError(
                f"reading database {self._database.name} was interrupted: {error!r}"
            )
            raise

    def check(self) -> None:
        """Raise the error that spoilt the transaction, or RuntimeError if it is over."""
        if self._over:
            raise RuntimeError("this transaction is over: read and write before its end")
        if self._fault is not None:
            raise self._fault

    def end(self) -> None:
        """Refuse every use from now on."""
        self._over = True
        self._fault = None  # its traceback refers to this object: the cycle would not be freed


async def _made(snapshot: AsyncConnection, query: Select[Any], make: Make[T]) -> list[T]:
    found: list[T] = []
    async with snapshot.stream(query) as result:
        async for part in result.partitions(_PART):
            found += make(part)
    return found

"""Reading: each answer from one state of the database, and never waiting for a write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Row, Select, Table, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxbilling.store.database.engine import reader_engine
from pbxbilling.store.database.faults import told_as_store_errors

T = TypeVar("T")

_KEYS_A_QUERY = 1000  # far below what any database binds in one statement
_PART = 200  # rows: one or two milliseconds of the event loop


class Reads:
    """Queries over the reading connections; raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = reader_engine(path)

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    async def rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """The rows of one query."""
        (result,) = await self.all(query)
        return result

    async def all(self, *queries: Select[Any]) -> list[Sequence[Row[Any]]]:
        """The rows of several queries, all of the same moment."""
        with told_as_store_errors(self._path):
            async with self._engine.begin() as snapshot:
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
        with told_as_store_errors(self._path):
            async with self._engine.begin() as snapshot:
                return [await _made(snapshot, query, make) for query, make in asked]


async def _made(
    snapshot: AsyncConnection, query: Select[Any], make: Callable[[Row[Any]], T]
) -> list[T]:
    found: list[T] = []
    result = await snapshot.stream(query)
    async for part in result.partitions(_PART):
        found += map(make, part)
    return found

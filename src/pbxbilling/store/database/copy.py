"""Copies a database into an empty one of another make, or of the same, while no daemon uses them.

The rows are read from one snapshot, and written in parts: memory holds one part. Both databases are
then summed and compared, before the new one can be opened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Integer,
    String,
    Table,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.database import Database, Filling, StoredRow
from pbxbilling.store.database.faults import RecordError
from pbxbilling.store.database.revisions import check_known, revision_of, shipped
from pbxbilling.store.database.unfinished import copied_tables

ROWS_AT_ONCE = 5000

Progress = Callable[[str, int, int], None]
"""Is told the table, how many of its rows are copied, and how many it has."""

_COUNT = "rows"


async def copy(source: Database, target: Database, progress: Progress) -> Mapping[str, int]:
    """Copy all rows with their identifiers into an empty database; return the count per table.

    A copy that fails leaves a target that cannot be opened. Raises StoreError: for a database that
    is in use, a source without this program's schema, a target that is not empty, rows that the
    target cannot hold, and a target that differs from the source in the end.
    """
    async with AsyncExitStack() as held:
        source.onlooker()  # without a database it raises, before a lock is made beside it
        await _hold(held, source)
        await _check_another(source, target)
        await _hold(held, target)
        snapshot = await held.enter_async_context(source.looked_at(patient=True))
        await _check_schema(snapshot, source)
        async with target.filled() as filling:
            before = {str(table.name): await _sums(snapshot, table) for table in copied_tables()}
            for table in copied_tables():
                done, of = 0, before[table.name][_COUNT]
                async for rows in _parts(snapshot, table):
                    await _add(filling, table, rows)
                    done += len(rows)
                    progress(table.name, done, of)
            await _compare(before, source, target)
        return {name: sums[_COUNT] for name, sums in before.items()}


async def _hold(held: AsyncExitStack, database: Database) -> None:
    try:
        await held.enter_async_context(database.alone())
    except StoreError as error:
        who = await database.holder()
        if who is None:
            raise
        msg = (
            f"database {database.name} is in use by {who}: if that is the daemon, stop it"
            " (`systemctl stop pbxbilling`), else wait for that process, or end it"
        )
        raise StoreError(msg) from error


async def _check_another(source: Database, target: Database) -> None:
    """Raise StoreError for a target that is the source by another name: it is held already."""
    holder = await source.holder()
    if holder is not None and holder == await target.holder():
        raise StoreError(
            f"database {target.name} is the source itself: name another one to copy to"
        )


async def _check_schema(snapshot: AsyncConnection, source: Database) -> None:
    found, known = await snapshot.run_sync(revision_of, source.name), shipped()
    if found is None:
        raise StoreError(f"database {source.name} is empty: there is nothing to copy")
    check_known(found, known, source.name, "copy with that one")
    if found != known[-1]:
        msg = (
            f"database {source.name} has schema {found}, older than this program's {known[-1]}:"
            " start the daemon on it once, which upgrades it, and stop it again"
        )
        raise StoreError(msg)


async def _parts(snapshot: AsyncConnection, table: Table) -> AsyncIterator[list[StoredRow]]:
    """Yield a table's rows in the order of its key, in which SQLite writes them quickest."""
    columns = [
        cast(column, String).label(column.name) if isinstance(column.type, JSON) else column
        for column in table.c
    ]
    async with snapshot.stream(select(*columns).order_by(*table.primary_key)) as rows:
        async for part in rows.partitions(ROWS_AT_ONCE):
            yield [tuple(row) for row in part]


async def _add(filling: Filling, table: Table, rows: Sequence[StoredRow]) -> None:
    """Add rows; halve those that are refused until the error can name one of them."""
    try:
        await filling.add(table, rows)
    except RecordError as error:
        if len(rows) == 1:
            raise StoreError(f"{_named(table, rows[0])} cannot be copied: {error}") from error
        half = len(rows) // 2
        await _add(filling, table, rows[:half])
        await _add(filling, table, rows[half:])


def _named(table: Table, row: StoredRow) -> str:
    """Return what to call a row: by its key."""
    values = zip(table.c, row, strict=True)
    key = ", ".join(f"{column.name} {value}" for column, value in values if column.primary_key)
    return f"row {key} of table {table.name}"


async def _compare(
    before: Mapping[str, Mapping[str, int]], source: Database, target: Database
) -> None:
    async with target.looked_at(patient=True) as copied:
        for table in copied_tables():
            after = await _sums(copied, table)
            for name, expected in before[table.name].items():
                if after[name] != expected:
                    msg = (
                        f"database {target.name} is no copy of {source.name}: {name} of table"
                        f" {table.name} come to {after[name]} instead of {expected}; it stays"
                        " closed: copy again into a new one, and look at both servers' disks"
                    )
                    raise StoreError(msg)


async def _sums(connection: AsyncConnection, table: Table) -> Mapping[str, int]:
    """Return the number of rows, and the sum of each column that counts something."""
    numbers = [column for column in table.c if isinstance(column.type, Integer | Boolean)]
    halves = [half for column in numbers for half in _halves(column)]
    found = (await connection.execute(select(func.count(), *halves).select_from(table))).one()
    count, *sums = (int(value or 0) for value in found)
    return {_COUNT: count} | {
        column.name: (high << 32) + low
        for column, high, low in zip(numbers, sums[::2], sums[1::2], strict=True)
    }


def _halves(column: Column[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the sums of both halves: SQLite's sum of 10,000 instants has no place in 64 bits."""
    number = cast(cast(column, Integer) if isinstance(column.type, Boolean) else column, BigInteger)
    return (
        func.sum(number.bitwise_rshift(literal_column("32"))),
        func.sum(number.bitwise_and(literal_column("4294967295"))),
    )

"""Fills a new database of a server with the rows of another database, by COPY."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pbxbilling.store.database.database import Database, StoredRow
from pbxbilling.store.database.postgres.lease import Lease
from pbxbilling.store.database.unfinished import copied_tables, finish_copy
from pbxbilling.store.rows.values import storable


class PostgresFilling:
    """Writes rows with `engine` while this process has the lease. Raises StoreError."""

    def __init__(self, database: Database, engine: AsyncEngine, lease: Lease) -> None:
        self._database = database
        self._engine = engine
        self._lease = lease

    async def empty(self) -> None:
        """Remove what an unfinished copy has left."""
        names = ", ".join(f'"{table.name}"' for table in copied_tables())
        async with self._begun() as connection:
            await connection.execute(text(f"TRUNCATE {names}"))

    async def add(self, table: Table, rows: Sequence[StoredRow]) -> None:
        """Add rows to a table in one transaction."""
        async with self._begun() as connection:
            opened: Any = (await connection.get_raw_connection()).driver_connection
            await opened.copy_records_to_table(
                table.name, records=map(_storable, rows), columns=table.c.keys()
            )

    async def finish(self) -> None:
        """Let the next row numbers follow the copied ones, and take the mark off."""
        async with self._begun() as connection:
            for table in copied_tables():
                if (number := table.autoincrement_column) is not None:
                    sequence = func.pg_get_serial_sequence(table.name, number.name)
                    most = func.greatest(func.max(number), 1)
                    await connection.execute(
                        select(func.setval(sequence, most))
                        .select_from(table)
                        .having(func.count() > 0)
                    )
            await connection.run_sync(finish_copy)
            await connection.execute(text("ANALYZE"))  # without it the first queries scan tables

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[AsyncConnection]:
        with self._database.errors():
            async with self._engine.begin() as connection:
                await self._lease.check(connection)
                yield connection


def _storable(row: StoredRow) -> StoredRow:
    """Return the row with its text as this program would have written it: without zeros."""
    if any("\0" in value for value in row if type(value) is str):
        return tuple(storable(value) if isinstance(value, str) else value for value in row)
    return row

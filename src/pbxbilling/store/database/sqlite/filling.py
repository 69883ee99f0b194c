"""Fills a new database file with the rows of another database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from pbxbilling.store.database.database import Database, StoredRow
from pbxbilling.store.database.sqlite.engine import migration_engine
from pbxbilling.store.database.sqlite.faults import check_folder
from pbxbilling.store.database.sqlite.owner import prepare_database
from pbxbilling.store.database.unfinished import begin_copy, copied_tables, finish_copy


def begin(path: Path) -> None:
    """Make the file an empty database that is marked as unfinished.

    Raises StoreError, and SQLite's errors.
    """
    check_folder(path)
    prepare_database(path)
    engine = migration_engine(path)
    try:
        with engine.begin() as connection:
            if begin_copy(connection, str(path)):
                for table in copied_tables():
                    connection.execute(table.delete())
    finally:
        engine.dispose()


class SqliteFilling:
    """Writes rows with `engine`. Raises StoreError."""

    def __init__(self, database: Database, engine: AsyncEngine) -> None:
        self._database = database
        self._engine = engine

    async def add(self, table: Table, rows: Sequence[StoredRow]) -> None:
        """Add rows to a table in one transaction."""
        with self._database.errors():
            async with self._engine.begin() as connection:
                await connection.exec_driver_sql(_inserting(table), list(rows))

    async def finish(self) -> None:
        """Take the mark off."""
        with self._database.errors():
            async with self._engine.begin() as connection:
                await connection.run_sync(finish_copy)


@cache
def _inserting(table: Table) -> str:
    """Return an INSERT of all columns by position: the driver gets the values as they are."""
    return str(table.insert().compile(dialect=sqlite.dialect(), column_keys=table.c.keys()))

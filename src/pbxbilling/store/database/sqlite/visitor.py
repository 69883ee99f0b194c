"""Opens a database file for a process that may read it, and write nothing beside it.

Beside a database in WAL mode SQLite needs two files, `-wal` and `-shm`, which it makes. Once the
last writer has closed the database they are gone, and whoever may not make them cannot open it. But
then nobody writes: the file is read as one that never changes, for one transaction, since the next
writer may come at any moment (https://www.sqlite.org/wal.html#read_only_databases).
"""

from __future__ import annotations

import asyncio
import grp
import os
import sqlite3
from pathlib import Path
from typing import Any
from weakref import WeakSet

import aiosqlite
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.sqlite.engine import READER_PRAGMAS, settle
from pbxbilling.store.database.sqlite.faults import check_exists
from pbxbilling.store.database.sqlite.owner import name_of

READERS = 6  # a list that takes long must not hold the others up
# The file is mapped, its first GB: a commit of the writer empties a connection's own cache, and to
# add up 100,000 calls would copy their whole index again.
VISITOR_PRAGMAS = (*READER_PRAGMAS, f"mmap_size={1 << 30}")


def visitor_engine(path: Path) -> AsyncEngine:
    """Return an engine whose transactions each read one snapshot. Raises StoreError."""
    doors = _Doors(path)
    engine = create_async_engine(
        "sqlite+aiosqlite://",
        async_creator=doors.open,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=READERS,
        max_overflow=0,
    )
    settle(engine.sync_engine, VISITOR_PRAGMAS, "BEGIN")

    @event.listens_for(engine.sync_engine, "checkout")
    def on_checkout(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: object) -> None:
        if entry.info.get("used") and doors.is_unchanging(connection.driver_connection):
            raise DisconnectionError  # the pool opens another one
        entry.info["used"] = True

    return engine


class _Doors:
    """Opens connections."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._uri = path.absolute().as_uri()
        self._wal = path.with_name(f"{path.name}-wal")
        self._unchanging: WeakSet[Any] = WeakSet()

    def is_unchanging(self, connection: Any) -> bool:
        """Return whether a connection sees the file as one that never changes."""
        return connection in self._unchanging

    async def open(self) -> aiosqlite.Connection:
        """Open the database. Raises StoreError, and SQLite's errors."""
        await asyncio.to_thread(_check_readable, self._path)
        connection = await self._opened("mode=ro")
        try:
            await connection.execute_fetchall("SELECT 1 FROM sqlite_master LIMIT 1")
        except sqlite3.OperationalError:
            await connection.close()
            if await asyncio.to_thread(self._wal.exists):
                raise
        else:
            return connection
        unchanging = await self._opened("mode=ro&immutable=1")
        self._unchanging.add(unchanging)
        return unchanging

    async def _opened(self, how: str) -> aiosqlite.Connection:
        # None: the driver's own BEGIN comes late, never before a read.
        opening = aiosqlite.connect(f"{self._uri}?{how}", uri=True, isolation_level=None)
        opening._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy's own connections
        return await opening


def _check_readable(path: Path) -> None:
    """Raise StoreError for a missing file, and for one that this user may not read."""
    if not os.access(path.parent, os.X_OK) or (path.exists() and not os.access(path, os.R_OK)):
        msg = (
            f"database {path} cannot be read by {name_of(os.geteuid())}: put that user into the"
            f" group {_group_of(path.parent)} of its folder, for which the daemon opens it"
        )
        raise StoreError(msg)
    check_exists(path)


def _group_of(folder: Path) -> str:
    try:
        found = folder.stat().st_gid
    except OSError:
        return "of the daemon's user"
    try:
        return grp.getgrgid(found).gr_name
    except KeyError:
        return str(found)

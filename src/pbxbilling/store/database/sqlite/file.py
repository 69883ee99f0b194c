"""A database in an SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from pbxbilling.kernel.errors import StoreError
from pbxbilling.runtime.database_url import SqliteUrl
from pbxbilling.store.database.database import Database, Filling
from pbxbilling.store.database.sqlite.backup import copy_database
from pbxbilling.store.database.sqlite.engine import (
    onlooker_engine,
    reader_engine,
    writer_engine,
)
from pbxbilling.store.database.sqlite.faults import check_exists, store_error
from pbxbilling.store.database.sqlite.filling import SqliteFilling, begin
from pbxbilling.store.database.sqlite.lock import database_lock, lock_holder
from pbxbilling.store.database.sqlite.migrate import migrate, revisions
from pbxbilling.store.database.sqlite.visitor import visitor_engine


class SqliteFile(Database):
    """A file. Its methods use threads: a hanging disk must not block the event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self.url = SqliteUrl(path).text
        self._inode = _inode(path)

    def writer(self) -> AsyncEngine:
        """Return an engine of one connection, which keeps others from writing meanwhile."""
        self._inode = _inode(self.path)  # of the file that is opened, which may be new by now
        return writer_engine(self.path)

    def reader(self) -> AsyncEngine:
        """Return an engine of connections that never wait for a write."""
        return reader_engine(self.path)

    def visitor(self) -> AsyncEngine:
        """Return an engine of connections that need no right to write beside the file."""
        return visitor_engine(self.path)

    def onlooker(self, *, patient: bool = False) -> AsyncEngine:
        """Return an engine for one reader who may not write beside the file either."""
        del patient  # no reader has a limit
        check_exists(self.path)
        return onlooker_engine(self.path)

    async def prepare(self, *, create: bool) -> None:
        """Bring the schema up to date; create the file if it is missing and `create` says so."""
        if not create:
            await asyncio.to_thread(check_exists, self.path)
        with self.errors():
            await asyncio.to_thread(migrate, self.path)

    async def revisions(self) -> tuple[str | None, str]:
        """Return the file's revision and this program's; take the write lock for a moment."""
        with self.errors():
            return await asyncio.to_thread(revisions, self.path)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold the lock beside the file."""
        with database_lock(self.path):
            yield

    async def holder(self) -> str | None:
        """Return the process that holds the lock."""
        found = lock_holder(self.path)
        return None if found is None else f"process {found or '?'}"

    async def backup(self, to: Path) -> None:
        """Copy the file."""
        await asyncio.to_thread(copy_database, self.path, to)

    @asynccontextmanager
    async def filled(self) -> AsyncIterator[Filling]:
        """Fill the file, after creating it if it is missing."""
        with self.errors():
            await asyncio.to_thread(begin, self.path)
        engine = self.writer()
        filling = SqliteFilling(self, engine)
        try:
            yield filling
            await filling.finish()
        finally:
            await engine.dispose()

    def fault(self, error: Exception) -> StoreError | None:
        """Translate SQLite's errors."""
        return store_error(self.path, error) if isinstance(error, _ERRORS) else None

    async def is_another(self) -> bool:
        """Return whether another file has the path."""
        before, self._inode = self._inode, await asyncio.to_thread(_inode, self.path)
        return before != self._inode


_ERRORS = (sqlite3.Error, DBAPIError)


def _inode(path: Path) -> int | None:
    """Return the inode number of a file; None if there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return None

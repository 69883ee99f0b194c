"""The stores that share a contract: one in memory, and SQL databases; each empty at first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.store import SqlStore
from tests.support.store.database import create
from tests.support.store.memory_store import MemoryStore
from tests.support.store.postgres import ReadByReader, emptied_database
from tests.support.store.whole_store import WholeStore


class OfAnyStore(ABC):
    """The base of contracts of stores."""

    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[WholeStore]:
        """Open an empty store for the time of the context."""


class InSqlite(OfAnyStore):
    """Opens a store in an SQLite file."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[WholeStore]:
        with TemporaryDirectory() as folder:
            database = Path(folder, "test.db")
            create(database)
            async with await SqlStore.open(SqliteFile(database)) as store:
                yield store


class InPostgres(OfAnyStore):
    """Opens a store in a PostgreSQL database; reads by the role that may do nothing else."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[WholeStore]:
        with emptied_database() as url:
            async with await SqlStore.open(ReadByReader(url)) as store:
                yield store


class InMemory(OfAnyStore):
    """Opens the store in memory."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[WholeStore]:
        yield MemoryStore()

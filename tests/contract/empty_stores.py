"""The two stores that keep one contract: SQLite's and the tests' own, each empty at first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pbxbilling.store.store import SqlStore
from tests.support.memory_store import MemoryStore
from tests.support.whole_store import WholeStore


class OfAnyStore(ABC):
    """What a contract of stores derives from."""

    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[WholeStore]:
        """An empty store, for the time of the context."""


class InSql(OfAnyStore):
    """Kept by SQLite."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[WholeStore]:
        with TemporaryDirectory() as folder:
            async with await SqlStore.open(Path(folder, "test.db")) as store:
                yield store


class InMemory(OfAnyStore):
    """Kept by the tests' own."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[WholeStore]:
        yield MemoryStore()

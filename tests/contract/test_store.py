"""The store contract, kept by SQLite and by the tests' own store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pbxbilling.ports import Store
from pbxbilling.store.sql import SqlStore
from tests.contract.store_contract import StoreContract
from tests.support.memory_store import MemoryStore


class TestSqlStore(StoreContract):
    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        with TemporaryDirectory() as folder:
            async with await SqlStore.open(f"sqlite:///{Path(folder, 'test.db')}") as store:
                yield store


class TestMemoryStore(StoreContract):
    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        yield MemoryStore()

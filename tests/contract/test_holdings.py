"""The contract of what grows old, kept by SQLite and by the tests' own store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pbxbilling.store.sql import SqlStore
from tests.contract.holdings_contract import HoldingsContract
from tests.support.memory_store import MemoryStore
from tests.support.purges import HoldingStore


class TestSqlHoldings(HoldingsContract):
    @asynccontextmanager
    async def holding(self) -> AsyncIterator[HoldingStore]:
        with TemporaryDirectory() as folder:
            async with await SqlStore.open(f"sqlite:///{Path(folder, 'test.db')}") as store:
                yield store


class TestMemoryHoldings(HoldingsContract):
    @asynccontextmanager
    async def holding(self) -> AsyncIterator[HoldingStore]:
        yield MemoryStore()

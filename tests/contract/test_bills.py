"""The contract of bills, kept by SQLite and by the tests' own store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pbxbilling.store.sql import SqlStore
from tests.contract.bills_contract import BillingStore, BillsContract
from tests.support.memory_store import MemoryStore


class TestSqlBills(BillsContract):
    @asynccontextmanager
    async def billing(self) -> AsyncIterator[BillingStore]:
        with TemporaryDirectory() as folder:
            async with await SqlStore.open(f"sqlite:///{Path(folder, 'test.db')}") as store:
                yield store


class TestMemoryBills(BillsContract):
    @asynccontextmanager
    async def billing(self) -> AsyncIterator[BillingStore]:
        yield MemoryStore()

"""The contract of mirrors, kept by SQLite and by the tests' own store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pbxbilling.store.sql import SqlStore
from tests.contract.mirrors_contract import MirroringStore, MirrorsContract
from tests.support.memory_store import MemoryStore


class TestSqlMirrors(MirrorsContract):
    @asynccontextmanager
    async def mirroring(self) -> AsyncIterator[MirroringStore]:
        with TemporaryDirectory() as folder:
            async with await SqlStore.open(f"sqlite:///{Path(folder, 'test.db')}") as store:
                yield store


class TestMemoryMirrors(MirrorsContract):
    @asynccontextmanager
    async def mirroring(self) -> AsyncIterator[MirroringStore]:
        yield MemoryStore()

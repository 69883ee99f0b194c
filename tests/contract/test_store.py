"""The store contract, for SQLite's store and for the one in memory."""

from __future__ import annotations

from tests.contract.empty_stores import InMemory, InPostgres, InSqlite
from tests.contract.store_contract import StoreContract


class TestSqliteStore(InSqlite, StoreContract):
    pass


class TestPostgresStore(InPostgres, StoreContract):
    pass


class TestMemoryStore(InMemory, StoreContract):
    pass

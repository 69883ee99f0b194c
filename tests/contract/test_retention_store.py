"""The contract of retention stores, for SQLite's and for the one in memory."""

from __future__ import annotations

from tests.contract.empty_stores import InMemory, InPostgres, InSqlite
from tests.contract.retention_contract import HoldingsContract


class TestSqliteHoldings(InSqlite, HoldingsContract):
    pass


class TestPostgresHoldings(InPostgres, HoldingsContract):
    pass


class TestMemoryHoldings(InMemory, HoldingsContract):
    pass

"""The contract of retention stores, for SQLite's and for the one in memory."""

from __future__ import annotations

from tests.contract.empty_stores import InMemory, InSql
from tests.contract.retention_contract import HoldingsContract


class TestSqlHoldings(InSql, HoldingsContract):
    pass


class TestMemoryHoldings(InMemory, HoldingsContract):
    pass

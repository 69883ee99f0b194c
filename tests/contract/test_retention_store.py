"""The contract of what grows old, kept by SQLite and by the tests' own store."""

from __future__ import annotations

from tests.contract.empty_stores import InMemory, InSql
from tests.contract.retention_contract import HoldingsContract


class TestSqlHoldings(InSql, HoldingsContract):
    pass


class TestMemoryHoldings(InMemory, HoldingsContract):
    pass

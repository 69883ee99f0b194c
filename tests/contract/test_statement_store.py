"""The contract of statement stores, for SQLite's and for the one in memory."""

from __future__ import annotations

from tests.contract.empty_stores import InMemory, InSql
from tests.contract.statements_contract import BillsContract


class TestSqlBills(InSql, BillsContract):
    pass


class TestMemoryBills(InMemory, BillsContract):
    pass

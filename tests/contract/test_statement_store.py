"""The contract of bills, kept by SQLite and by the tests' own store."""

from __future__ import annotations

from tests.contract.empty_stores import InMemory, InSql
from tests.contract.statements_contract import BillsContract


class TestSqlBills(InSql, BillsContract):
    pass


class TestMemoryBills(InMemory, BillsContract):
    pass

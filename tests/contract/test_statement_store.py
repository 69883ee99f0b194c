"""The contract of statement stores, for SQLite's and for the one in memory."""

from __future__ import annotations

from tests.contract.empty_stores import InMemory, InPostgres, InSqlite
from tests.contract.statements_contract import BillsContract


class TestSqliteBills(InSqlite, BillsContract):
    pass


class TestPostgresBills(InPostgres, BillsContract):
    pass


class TestMemoryBills(InMemory, BillsContract):
    pass

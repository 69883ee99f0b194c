"""The contract of subscription stores, for SQLite's and for the one in memory."""

from __future__ import annotations

from tests.contract.empty_stores import InMemory, InPostgres, InSqlite
from tests.contract.subscriptions_contract import MirrorsContract


class TestSqliteMirrors(InSqlite, MirrorsContract):
    pass


class TestPostgresMirrors(InPostgres, MirrorsContract):
    pass


class TestMemoryMirrors(InMemory, MirrorsContract):
    pass

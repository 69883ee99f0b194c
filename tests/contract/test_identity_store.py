"""The contract of identity stores, for the SQL databases' and for the one in memory."""

from __future__ import annotations

from tests.contract.empty_stores import InMemory, InPostgres, InSqlite
from tests.contract.identity_contract import IdentityContract


class TestSqliteIdentity(InSqlite, IdentityContract):
    pass


class TestPostgresIdentity(InPostgres, IdentityContract):
    pass


class TestMemoryIdentity(InMemory, IdentityContract):
    pass

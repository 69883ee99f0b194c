"""The two roles of `config/postgresql/roles.sql`: one has the tables, the other only reads them.

All contracts of stores read by the second one (`empty_stores.py`); this is what is left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Limits, Plan
from pbxbilling.config.sections import DatabaseSettings
from pbxbilling.config.settings import Settings
from pbxbilling.doctor.check import Result
from pbxbilling.doctor.default_plan import check_default_plan
from pbxbilling.kernel.errors import StoreError
from pbxbilling.runtime.database_url import PostgresUrl
from pbxbilling.store import schema
from pbxbilling.store.database.postgres.server import PostgresDatabase
from pbxbilling.store.export import export_tenant
from pbxbilling.store.store import SqlStore
from rig.postgres import READER, USER
from tests.support.store.postgres import as_reader, execute, make_roles, new_database
from tests.support.store.records import NOON, call, decision

TABLES = [table.name for table in schema.metadata.sorted_tables]


@pytest.fixture
def url() -> Iterator[PostgresUrl]:
    with new_database() as url:
        yield url


@asynccontextmanager
async def connected(url: PostgresUrl) -> AsyncIterator[asyncpg.Connection]:
    (host, port), *_ = url.hosts
    connection = await asyncpg.connect(
        host=host, port=port, user=url.user, password=url.password, database=url.database
    )
    try:
        yield connection
    finally:
        await connection.close()


async def test_neither_role_may_do_more_on_the_server_than_to_connect(url: PostgresUrl) -> None:
    powers = "rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
    for role in (USER, READER):
        assert execute(url, f"SELECT {powers} FROM pg_roles WHERE rolname = '{role}'") == "f"
    owners = "SELECT tableowner FROM pg_tables WHERE schemaname = 'public' GROUP BY 1"
    assert execute(url, owners) == USER


async def test_nothing_but_a_read_is_granted_to_the_reader(url: PostgresUrl) -> None:
    async with connected(as_reader(url)) as reader:
        await reader.execute("SET default_transaction_read_only = off")  # as it may
        for table in TABLES:
            await reader.fetch(f'SELECT * FROM "{table}"')
            column = next(iter(schema.metadata.tables[table].c)).name
            for write in (
                f'INSERT INTO "{table}" DEFAULT VALUES',
                f'UPDATE "{table}" SET "{column}" = "{column}"',
                f'DELETE FROM "{table}"',
                f'TRUNCATE "{table}"',
                f'LOCK TABLE "{table}" IN EXCLUSIVE MODE',
                f'DROP TABLE "{table}"',
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with reader.transaction():
                        await reader.execute(write)
        for create in ("CREATE TABLE mine (x int)", "CREATE TEMPORARY TABLE mine (x int)"):
            make_roles(url)  # of a database that was copied
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await reader.execute(create)


async def test_a_write_by_the_reader_is_refused_in_words(url: PostgresUrl) -> None:
    reading = PostgresDatabase(as_reader(url))
    for store in (SqlStore(reading), SqlStore.read_only(reading)):
        with pytest.raises(StoreError, match="only reads here: this is a standby, or a role that"):
            await store.commit([call(), decision()])
        await store.close()
    execute(
        url,
        f"ALTER ROLE {READER} IN DATABASE {url.database} SET default_transaction_read_only = off",
    )
    async with SqlStore(reading) as store:
        with pytest.raises(StoreError, match=r"refuses this role something: grant it \(config"):
            await store.commit([call(), decision()])


async def test_what_only_looks_works_as_the_reader(url: PostgresUrl, tmp_path: Path) -> None:
    plan = Plan("free", limits=Limits(max_calls=2))
    async with await SqlStore.open(PostgresDatabase(url)) as store:
        await store.commit([plan, Tenant("acme", "free"), call(), decision()])
    reading = as_reader(url)
    async with SqlStore.read_only(PostgresDatabase(reading)) as store:
        assert [tenant.slug for tenant in (await store.accounts()).tenants] == ["acme"]
    settings = Settings(database=DatabaseSettings(url=reading.text))
    assert (await check_default_plan(settings)).result is Result.OK
    zipped = tmp_path / "acme.zip"
    counts = await export_tenant(PostgresDatabase(reading), "acme", zipped, NOON)
    assert counts["call"] == counts["decision"] == 1
    assert await PostgresDatabase(reading).holder() is None


async def test_tables_of_a_later_release_are_readable_too(url: PostgresUrl) -> None:
    async with connected(url) as owner:
        await owner.execute("CREATE TABLE later (x int)")
    async with connected(as_reader(url)) as reader:
        assert await reader.fetch("SELECT * FROM later") == []


async def test_nobody_else_may_connect_and_a_second_run_changes_nothing(url: PostgresUrl) -> None:
    def granted() -> str:
        return execute(
            url,
            "SELECT array_agg((relname, relacl)::text ORDER BY relname) FROM pg_class",
            "SELECT nspname, nspowner, nspacl FROM pg_namespace ORDER BY 1",
            "SELECT datacl FROM pg_database WHERE datname = current_database()",
            "SELECT * FROM pg_default_acl",
            "SELECT rolname, rolconfig FROM pg_roles ORDER BY 1",
        )

    make_roles(url)
    before = granted()
    make_roles(url)
    assert granted() == before
    assert (
        execute(url, "SELECT has_database_privilege('pg_monitor', current_database(), 'CONNECT')")
        == "f"
    )

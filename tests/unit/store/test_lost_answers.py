"""A commit whose answer is lost on the way is neither lost nor made twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest
from sqlalchemy import event

from pbxbilling.kernel.errors import StoreError
from pbxbilling.runtime.database_url import PostgresUrl
from pbxbilling.store.database.faults import ReopenError
from pbxbilling.store.database.postgres import connections
from pbxbilling.store.database.postgres.server import PostgresDatabase
from pbxbilling.store.store import SqlStore
from pbxbilling.store.transaction import SqlTransaction
from rig.proxy import Proxy
from rig.waiting import until
from tests.support.billing.records import one_off, saved
from tests.support.kernel.actors import audited
from tests.support.store.postgres import emptied_database, execute
from tests.support.store.records import NOON, call, decision

AUDIT = audited(NOON, "root", "apply", "tenant acme", None, None)
# A second statement would be refused; decisions and audit have no key but the number of the row.
RECORDS = (call(), decision(), AUDIT, saved(), one_off())
NUMBER = 7
COMMIT = b"COMMIT"
ONCE = "1|1|1|1|1"
NOTHING = "0|0|0|0|0"
TABLES = ("call", "decision", "audit", "statement", "one_off")


@pytest.fixture
def url() -> Iterator[PostgresUrl]:
    with emptied_database() as url:
        yield url


@pytest.fixture
def proxy(url: PostgresUrl) -> Iterator[Proxy]:
    with Proxy(url.hosts[0]) as proxy:
        yield proxy


@pytest.fixture
async def store(url: PostgresUrl, proxy: Proxy) -> AsyncIterator[SqlStore]:
    through = replace(url, hosts=(proxy.address,))
    async with await SqlStore.open(PostgresDatabase(through)) as store:
        await store.commit([], ())
        yield store


def written(url: PostgresUrl) -> str:
    """Return how many rows each table has."""
    return execute(url, "SELECT " + ", ".join(f"(SELECT count(*) FROM {one})" for one in TABLES))


async def test_a_commit_with_a_lost_answer_is_found_to_be_done(
    store: SqlStore, proxy: Proxy, url: PostgresUrl
) -> None:
    proxy.lose_answer_to(COMMIT)
    await store.commit(RECORDS)
    assert written(url) == ONCE


async def test_it_is_found_out_at_the_next_attempt_where_the_server_is_away(
    store: SqlStore, proxy: Proxy, url: PostgresUrl
) -> None:
    proxy.lose_answer_to(COMMIT, refuse=True)
    with pytest.raises(ReopenError, match="cannot be reached"):
        await store.commit(RECORDS, number=NUMBER)
    proxy.resume()
    await store.commit([AUDIT])  # another one comes first
    await store.commit(RECORDS, number=NUMBER)
    assert written(url) == ONCE.replace("1|1|1", "1|1|2", 1)


async def write(transaction: SqlTransaction) -> None:
    await transaction.write(RECORDS)


async def test_who_does_not_repeat_it_hears_that_nobody_knows(
    store: SqlStore, proxy: Proxy, url: PostgresUrl
) -> None:
    proxy.lose_answer_to(COMMIT, refuse=True)
    with pytest.raises(StoreError, match=r"cannot be reached.*look before you repeat it"):
        await store.transact("accounts", write)
    assert written(url) == ONCE


@pytest.fixture
def lost_commit(store: SqlStore, url: PostgresUrl) -> None:
    """End the writer's connection before its next COMMIT arrives; the server can be reached."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE"
    writer = store._writer.engine.sync_engine

    @event.listens_for(writer, "commit", once=True)
    def on_commit(_connection: object) -> None:
        execute(url, f"{end} '% writer' AND datname = current_database()")


@pytest.mark.usefixtures("lost_commit")
async def test_one_that_did_not_reach_the_server_is_written_by_the_next_attempt(
    store: SqlStore, url: PostgresUrl
) -> None:
    with pytest.raises(ReopenError, match="went away"):
        await store.commit(RECORDS, number=NUMBER)
    assert written(url) == NOTHING
    await store.commit(RECORDS, number=NUMBER)
    assert written(url) == ONCE


@asynccontextmanager
async def under_way(url: PostgresUrl) -> AsyncIterator[asyncpg.Connection]:
    """Have a transaction of `NUMBER` open at the server, as one whose end has not arrived."""
    (host, port), *_ = url.hosts
    connection = await asyncpg.connect(
        host=host, port=port, user=url.user, password=url.password, database=url.database
    )
    try:
        await connection.execute("BEGIN; INSERT INTO commit_number VALUES (7, 9e15)")
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize(("end", "found"), [("COMMIT", NOTHING), ("ROLLBACK", ONCE)])
async def test_one_that_the_server_has_under_way_is_waited_for(
    store: SqlStore, url: PostgresUrl, end: str, found: str
) -> None:
    async with under_way(url) as other:
        again = asyncio.create_task(store.commit(RECORDS, number=NUMBER))
        while not int(execute(url, "SELECT count(*) FROM pg_locks WHERE NOT granted")):
            assert not again.done()
            await asyncio.sleep(0.01)
        await other.execute(end)
        await again
    assert written(url) == found


async def test_a_number_that_was_answered_is_not_kept(store: SqlStore, url: PostgresUrl) -> None:
    for _ in range(5):
        await store.commit([AUDIT])
    assert execute(url, "SELECT count(*) FROM commit_number") == "1"


async def test_one_that_the_server_ended_for_idling_is_written_by_the_next_attempt(
    url: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that stands still in a transaction must not hold its locks for ever."""
    monkeypatch.setattr(connections, "IDLE_S", 0.2)

    async def stand_still(transaction: SqlTransaction) -> None:
        await write(transaction)
        held = "SELECT count(*) FROM pg_locks WHERE relation = 'call'::regclass"
        until(lambda: execute(url, held) == "0", "the server gave up")

    async with await SqlStore.open(PostgresDatabase(url)) as store:
        with pytest.raises(ReopenError, match="idle for too long"):
            await store.transact("accounts", stand_still)
        assert written(url) == NOTHING
        await store.transact("accounts", write)
        assert written(url) == ONCE

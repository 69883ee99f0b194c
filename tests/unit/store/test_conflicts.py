"""What PostgreSQL aborts in favour of another transaction runs again, as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import Connection, event, update

from pbxbilling.kernel.records import Cursor
from pbxbilling.store import schema
from pbxbilling.store.database.postgres.server import PostgresDatabase
from pbxbilling.store.store import SqlStore
from pbxbilling.store.transaction import SqlTransaction
from tests.support.store.postgres import emptied_database
from tests.support.store.records import NOON, after

Work = Callable[[SqlTransaction], Awaitable[None]]


@pytest.fixture
async def stores() -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    """Two stores of one database, with two rows in it."""
    with emptied_database() as url:
        async with AsyncExitStack() as held:
            one, other = [
                await held.enter_async_context(await SqlStore.open(PostgresDatabase(url)))
                for _ in range(2)
            ]
            await one.commit([Cursor("a", NOON), Cursor("b", NOON)])
            yield one, other


async def add_a_second(transaction: SqlTransaction, name: str) -> None:
    """Move a cursor a second on, as the row has it."""
    at = schema.cursor.c.at
    moved = update(schema.cursor).where(schema.cursor.c.name == name).values(at=at + 1_000_000)
    async with transaction.connection() as connection:
        await connection.execute(moved)


async def test_a_deadlock_runs_again_as_a_whole(stores: tuple[SqlStore, SqlStore]) -> None:
    runs, both_began = [0, 0], asyncio.Barrier(2)

    def in_order(nth: int, *names: str) -> Work:
        async def work(transaction: SqlTransaction) -> None:
            runs[nth] += 1
            first, second = names
            await add_a_second(transaction, first)
            if runs[nth] == 1:
                await both_began.wait()  # each has the row that the other waits for
            await add_a_second(transaction, second)

        return work

    one, other = stores
    await asyncio.gather(
        one.transact("one", in_order(0, "a", "b")), other.transact("other", in_order(1, "b", "a"))
    )
    assert sorted(runs) == [1, 2]
    assert [await one.cursor(name) for name in "ab"] == [after(2), after(2)]


def reads_a_snapshot(store: SqlStore) -> None:
    """Let its transactions fail where a row has changed since they began."""
    repeatable = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(repeatable)

    event.listen(store._writer.engine.sync_engine, "begin", begin)


async def test_a_serialization_failure_runs_again_as_a_whole(
    stores: tuple[SqlStore, SqlStore],
) -> None:
    one, other = stores
    reads_a_snapshot(one)
    runs = 0

    async def work(transaction: SqlTransaction) -> None:
        nonlocal runs
        runs += 1
        seen = await transaction.cursor("a")
        assert seen is not None
        if runs == 1:
            await asyncio.create_task(other.commit([Cursor("a", after(10))]))
        await transaction.write([Cursor("b", seen)])
        await add_a_second(transaction, "a")

    await one.transact(None, work)
    assert runs == 2
    assert [await one.cursor(name) for name in "ab"] == [after(11), after(10)]


async def test_one_that_never_has_its_way_ends_with_the_reason(
    stores: tuple[SqlStore, SqlStore],
) -> None:
    one, other = stores
    reads_a_snapshot(one)
    runs = 0

    async def work(transaction: SqlTransaction) -> None:
        nonlocal runs
        runs += 1
        await transaction.cursor("a")
        await other.commit([Cursor("a", after(runs))])
        await add_a_second(transaction, "a")

    with pytest.raises(Exception, match="aborted a transaction in favour of another one"):
        await one.transact(None, work)
    assert runs == 5
    assert await one.cursor("a") == after(5)

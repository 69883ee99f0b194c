"""A cancelled commit is complete or absent; the store goes on, and no connection is left open."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

import pytest

from pbxbilling.runtime.database_url import DatabaseUrl, PostgresUrl, SqliteUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from rig.waiting import until
from tests.support.store.postgres import execute
from tests.support.store.records import ended_leg


class Watched(sqlite3.Connection):
    """A connection that is in `opened` until it is closed; Python 3.11 reports no lost one."""

    opened: ClassVar[set[int]] = set()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.opened.add(id(self))

    def close(self) -> None:
        super().close()
        self.opened.discard(id(self))


def opened(place: DatabaseUrl) -> int:
    """Return how many connections are open to a database."""
    if isinstance(place, SqliteUrl):
        return len(Watched.opened)
    ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND"
    return int(execute(place, f"{ours} application_name LIKE 'pbxbilling%'"))


@pytest.fixture(autouse=True)
async def no_connection_is_left_open(
    shared_place: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """Look while the event loop runs: with it, all its connections end.

    A server needs a moment to see that one was closed.
    """
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    Watched.opened.clear()
    yield
    if isinstance(shared_place, SqliteUrl):
        assert Watched.opened == set()
    else:
        gone = partial(until, lambda: not opened(shared_place), "no connection is left open", 10.0)
        await asyncio.to_thread(gone)


def steps_on(place: DatabaseUrl, most: int) -> Iterable[tuple[int, float]]:
    """Return numbers of steps, and what each waits for: a server needs time, and takes fewer."""
    on_server = isinstance(place, PostgresUrl)
    return [(steps, 0.001 * on_server) for steps in range(0, most, 3 if on_server else 1)]


async def cancelled(
    work: Awaitable[object], steps: int, step_s: float = 0.0, *, times: int = 1
) -> None:
    """Cancel it after some steps of the event loop, and again as it ends."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(step_s)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("steps", [1, 3, 5, 8, 13, 21, 34])
async def test_a_cancelled_commit_is_whole_or_absent(shared_place: DatabaseUrl, steps: int) -> None:
    legs = [ended_leg(str(number)) for number in range(1000)]
    step_s = 0.002 if isinstance(shared_place, PostgresUrl) else 0.0
    async with await SqlStore.open(database_at(shared_place)) as store:
        await cancelled(store.commit(legs), steps, step_s)
        assert sum(row.calls for row in await store.usage()) in (0, 1000)
        await store.commit(legs)
        assert sum(row.calls for row in await store.usage()) == 1000


def read(store: SqlStore) -> Awaitable[object]:
    return store.usage()


def write(store: SqlStore) -> Awaitable[object]:
    return store.commit([ended_leg("1")])


@pytest.mark.parametrize("use", [read, write])
@pytest.mark.parametrize("times", [1, 2])
async def test_whoever_is_cancelled_at_whatever_step_leaves_no_connection_open(
    shared_place: DatabaseUrl, use: Callable[[SqlStore], Awaitable[object]], times: int
) -> None:
    async with await SqlStore.open(database_at(shared_place)) as store:
        for steps, step_s in steps_on(shared_place, 60):
            await store.close()  # the next use opens its connection anew
            await cancelled(use(store), steps, step_s, times=times)


async def test_a_closed_store_has_waited_for_what_was_given_up(shared_place: DatabaseUrl) -> None:
    async with await SqlStore.open(database_at(shared_place)) as store:
        for _ in range(5):
            await cancelled(write(store), 4)
            await store.close()
            assert opened(shared_place) == 0

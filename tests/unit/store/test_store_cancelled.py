"""A cancelled commit is complete or absent; the store goes on, and no connection is left open."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.store import SqlStore
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


@pytest.fixture(autouse=True)
def no_connection_is_left_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    Watched.opened.clear()
    yield
    assert Watched.opened == set()


async def cancelled(work: Awaitable[object], steps: int, *, times: int = 1) -> None:
    """Cancel it after some steps of the event loop, and again as it ends."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("steps", [1, 3, 5, 8, 13, 21, 34])
async def test_a_cancelled_commit_is_whole_or_absent(tmp_path: Path, steps: int) -> None:
    legs = [ended_leg(str(number)) for number in range(1000)]
    async with await SqlStore.open(SqliteFile(tmp_path / "test.db")) as store:
        await cancelled(store.commit(legs), steps)
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
    tmp_path: Path, use: Callable[[SqlStore], Awaitable[object]], times: int
) -> None:
    async with await SqlStore.open(SqliteFile(tmp_path / "test.db")) as store:
        for steps in range(60):
            await store.close()  # the next use opens its connection anew
            await cancelled(use(store), steps, times=times)


async def test_a_closed_store_has_waited_for_what_was_given_up(tmp_path: Path) -> None:
    async with await SqlStore.open(SqliteFile(tmp_path / "test.db")) as store:
        for _ in range(5):
            await cancelled(write(store), 4)
            await store.close()
            assert Watched.opened == set()

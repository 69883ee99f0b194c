"""A cancelled commit is complete or absent, and the store goes on serving."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from pbxbilling.store.store import SqlStore
from tests.support.store.records import ended_leg


@pytest.mark.parametrize("steps", [1, 3, 5, 8, 13, 21, 34])
async def test_a_cancelled_commit_is_whole_or_absent(tmp_path: Path, steps: int) -> None:
    legs = [ended_leg(str(number)) for number in range(1000)]
    async with await SqlStore.open(tmp_path / "test.db") as store:
        commit = asyncio.create_task(store.commit(legs), name="commit")
        for _ in range(steps):
            await asyncio.sleep(0)
        commit.cancel()
        with suppress(asyncio.CancelledError):
            await commit
        assert sum(row.calls for row in await store.usage()) in (0, 1000)
        await store.commit(legs)
        assert sum(row.calls for row in await store.usage()) == 1000

"""A killed writer leaves whole transactions, and every commit it reported is durable."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from itertools import count

import pytest

from pbxbilling.calls.live.records import CallRecord, LegRecord
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from tests.support.store.records import call, leg

LEGS_A_CALL = 300  # more than one statement's rows


def records(number: int) -> list[CallRecord | LegRecord]:
    name = f"c{number}"
    legs = (leg(f"{number}.{each}", call=name) for each in range(LEGS_A_CALL))
    return [call(name), *legs]


async def write_for_ever(url: str) -> None:
    async with await SqlStore.open(database_at(url)) as store:
        for number in count():
            await store.commit(records(number))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


@pytest.mark.system
@pytest.mark.parametrize("commits", [1, 4, 9])
async def test_a_killed_writer_leaves_whole_transactions_only(
    shared_place: DatabaseUrl, commits: int
) -> None:
    told = await asyncio.to_thread(kill_after, commits, shared_place)
    async with await SqlStore.open(database_at(shared_place)) as store:
        calls = {each.call for each in await store.open_calls()}
        legs = await store.open_legs()
    assert {f"c{number}" for number in range(told + 1)} <= calls
    assert len(legs) == LEGS_A_CALL * len(calls)
    assert {each.call for each in legs} == calls


def kill_after(commits: int, place: DatabaseUrl) -> int:
    """Kill the writer during its next commit; return the last commit that it reported."""
    command = [sys.executable, "-m", "tests.system.test_store_killed", place.text]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(commits):
            writer.stdout.readline()
        writer.kill()
        rest = writer.stdout.read().split()
    return int(rest[-1]) if rest else commits - 1


if __name__ == "__main__":
    asyncio.run(write_for_ever(sys.argv[1]))

"""The stream of what is live: all of it, then what changes, and what a replica makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from pbxbilling.calls.live.load import Load
from pbxbilling.calls.views import CallKey
from pbxbilling.kernel.codes import Direction
from pbxbilling.web import live
from pbxbilling.web_process.replica import Replica, _take
from tests.support.daemon.whole_daemon import Whole, whole_daemon
from tests.support.kernel.clock import Clock

ACCOUNTS = '[plan.p]\nmax_calls = 5\n[tenant.acme]\nplan = "p"\n[tenant.globex]\nplan = "p"'


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole_daemon(tmp_path, Clock()) as one:
        await one.api.put("/accounts", text=ACCOUNTS, source="a.toml")
        yield one


async def beginning(lines: AsyncIterator[bytes]) -> list[dict[str, Any]]:
    found = []
    async for line in lines:
        found.append(orjson.loads(line))
        if found[-1]["whole"]:
            break
    return found


async def test_a_subscriber_gets_all_that_is_live_then_what_changes(whole: Whole) -> None:
    feed = whole.daemon.live.feed
    for nth in (1, 2):
        whole.hook("acme", Direction.OUTBOUND, nth)
    async with aclosing(feed.subscribe()) as lines:
        first, last = await beginning(lines)
        assert [call["tenant"] for call in first["calls"].values()] == ["acme", "acme"]
        assert first["loads"] == {"acme": [2, 0, 0, 2, 0]}
        assert last["status"]["calls"] == 2
        whole.hook("globex", Direction.INBOUND, 3)
        await feed.tick()
        change = orjson.loads(await anext(lines))
        assert [call["tenant"] for call in change["calls"].values()] == ["globex"]
        assert change["loads"] == {"globex": [0, 1, 0, 0, 0]}
        ledger = whole.daemon.live.engine.ledger
        gone = next(iter(first["calls"]))
        ledger.drop(ledger.calls[gone], Clock().now())
        await feed.tick()
        change = orjson.loads(await anext(lines))
        assert (change["gone"], change["loads"]) == ([gone], {"acme": [1, 0, 0, 1, 0]})


async def test_what_no_fact_tells_is_found_in_turn(whole: Whole) -> None:
    feed = whole.daemon.live.feed
    whole.hook("acme", Direction.OUTBOUND, 1)
    (call,) = whole.daemon.live.engine.ledger.calls.values()
    async with aclosing(feed.subscribe()) as lines:
        await beginning(lines)
        next(iter(call.channels)).held = True
        for _ in range(3):
            await feed.tick()
        told = [orjson.loads(await anext(lines))["calls"] for _ in range(3)]
        (change,) = [one for one in told if one]
        assert change[call.id]["state"] == "held"


async def test_nothing_is_gathered_while_nobody_looks(whole: Whole) -> None:
    feed = whole.daemon.live.feed
    whole.hook("acme", Direction.OUTBOUND, 1)
    await feed.tick()
    assert not feed._marked
    async with aclosing(feed.subscribe()) as lines:
        await beginning(lines)
    assert not feed._subscribers


async def test_what_was_gathered_before_a_beginning_does_not_come_after_it(whole: Whole) -> None:
    feed = whole.daemon.live.feed
    for nth in range(2 * live.A_FEW):
        whole.hook("acme", Direction.OUTBOUND, nth)
    (call, *_) = whole.daemon.live.engine.ledger.calls.values()
    async with aclosing(feed.subscribe()) as lines:
        await beginning(lines)
    feed._subscribers.add(gone := live.Subscriber())
    feed._viewed.clear()
    gathering = asyncio.create_task(feed.tick())
    await asyncio.sleep(0)  # it has viewed a few calls as they are
    feed._subscribers.discard(gone)
    async with aclosing(feed.subscribe()) as lines:
        next(iter(call.channels)).held = True
        parts = await beginning(lines)
        await gathering
        shown = {ident: one for part in parts for ident, one in part["calls"].items()}
        assert shown[call.id]["state"] == "held"
        await feed.tick()
        assert orjson.loads(await anext(lines))["calls"] == {}


async def test_whoever_comes_while_another_one_begins_gets_all_too(whole: Whole) -> None:
    feed = whole.daemon.live.feed
    for nth in range(10):
        whole.hook(("acme", "globex")[nth % 2], Direction.OUTBOUND, nth)
    async with aclosing(feed.subscribe()) as first, aclosing(feed.subscribe()) as second:
        beginnings = await asyncio.gather(beginning(first), beginning(second))
    for parts in beginnings:
        assert sum(len(part["calls"]) for part in parts) == 10


async def test_one_that_does_not_read_is_cut_off_and_the_others_are_not(whole: Whole) -> None:
    feed = whole.daemon.live.feed
    async with aclosing(feed.subscribe()) as slow, aclosing(feed.subscribe()) as quick:
        await beginning(slow)
        await beginning(quick)
        for _ in range(live.WAITING_MOST + 1):
            await feed.tick()
            await anext(quick)
        assert [line async for line in slow] == []
        await feed.tick()
        assert await anext(quick)


async def test_there_are_only_so_many(whole: Whole) -> None:
    feed = whole.daemon.live.feed
    streams = [feed.subscribe() for _ in range(live.SUBSCRIBERS_MOST)]
    for one in streams:
        await beginning(one)
    assert [line async for line in feed.subscribe()] == []
    for one in streams:
        await one.aclose()


async def test_many_calls_begin_in_parts_that_let_others_in_between(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "A_PART", 2)
    monkeypatch.setattr(live, "A_TURN", 2)
    for nth in range(5):
        whole.hook("acme", Direction.OUTBOUND, nth)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    async with aclosing(whole.daemon.live.feed.subscribe()) as lines:
        parts = await beginning(lines)
    beside.cancel()
    assert [len(part["calls"]) for part in parts] == [2, 2, 1, 0]
    assert turns >= 2


def test_a_replica_is_what_the_lines_say() -> None:
    replica = Replica(Path("none.sock"), Clock())
    call = {"call": "c1", "tenant": "acme", "from": "1", "to": "2", "legs": []}
    call["started_at"] = "2026-11-30T10:00:00.000001+00:00"
    said = {"calls": {"c1": call}, "gone": [], "loads": {"acme": [1, 2, 3, 4, 5]}, "left": {}}
    _take(said, replica._calls, replica._loads, replica._left_s)
    earlier = {**call, "call": "c0", "tenant": "globex", "started_at": "2026-11-30T10:00:00+00:00"}
    _take({**said, "calls": {"c0": earlier}}, replica._calls, replica._loads, replica._left_s)
    assert [one.call for one in replica.calls()] == ["c0", "c1"]
    assert [(one.caller, one.number) for one in replica.calls("acme")] == [("1", "2")]
    first = CallKey(datetime(2026, 11, 30, 10, tzinfo=UTC), "c0")
    assert [one.call for one in replica.calls(after=first)] == ["c1"]
    assert replica.load("acme") == Load(1, 2, 3, 4, 5)
    assert replica.load("nobody") == Load()
    _take({**said, "calls": {}, "gone": ["c1", "c9"]}, replica._calls, {}, {})
    assert [one.call for one in replica.calls()] == ["c0"]
    assert not replica.is_fresh

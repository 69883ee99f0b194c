"""Hook p99 with 15,000 AMI events a second on the same loop, against its p99 when idle.

The server has the daemon's core, its hook and its AMI link in one process on one core. The caller,
on the other one, sends one hook after the other and times each from connecting to the verdict;
meanwhile, in one half of a pair, it sends the events of answered calls through a fork of two, those
of a millisecond in one write.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from bench.ami_feed import Feed, record
from bench.ami_readers import read_ours
from bench.core import TENANTS, Core
from bench.hook import new_channel, two_cores
from bench.measure import Row, compare
from bench.process import next_line, process
from pbxbilling.agi.server import AgiServer, ListenerSettings
from tests.support.agi.client import ask

EVENTS_PER_S = 15_000
SESSIONS = 500
LIMIT = 2.0


async def serve(manager: int) -> None:
    """Serve hooks, and follow the manager on that port, until killed."""
    with TemporaryDirectory() as directory:
        core = Core(Path(directory, "log"))
        judge, by_policy = core.admission.judge, core.admission.by_policy
        server = AgiServer(ListenerSettings(port=0), judge, by_policy, core.watch, core.clock)
        async with asyncio.TaskGroup() as tasks, server:
            tasks.create_task(core.writer.run())
            tasks.create_task(read_ours(manager, core.hear))
            print(server.port, flush=True)
            await server.serve()


async def _p99_ms(port: int) -> float:
    times_s = []
    for _ in range(SESSIONS):
        pieces = new_channel(TENANTS)
        began = time.perf_counter()
        assert b"ADMIT" in await ask(port, pieces)
        times_s.append(time.perf_counter() - began)
    return statistics.quantiles(times_s, n=100)[98] * 1000


async def _p99_under_events_ms(port: int, feed: Feed, events: list[bytes]) -> float:
    streaming = asyncio.create_task(feed.stream(events, EVENTS_PER_S))
    await asyncio.sleep(0.05)
    taken = await _p99_ms(port)
    assert not streaming.done(), "the events must last"
    streaming.cancel()
    with suppress(asyncio.CancelledError):
        await streaming
    return taken


def _trials(
    runner: asyncio.Runner, port: int, feed: Feed
) -> tuple[Callable[[], float], Callable[[], float]]:
    def loaded() -> float:
        return runner.run(_p99_under_events_ms(port, feed, feed.fresh() + feed.fresh()))

    def idle() -> float:
        return runner.run(_p99_ms(port))

    return loaded, idle


def measure() -> list[Row]:
    """Return the row of the table."""
    with two_cores() as (first, _), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        feed = Feed(runner.run(record()))
        runner.run(feed.__aenter__())
        try:
            with process("bench.latency", feed.port, core=first) as server:
                port = int(next_line(server))
                runner.run(feed.ready())
                trials = _trials(runner, port, feed)
                return [compare("hook p99 under 15,000 events/s", *trials, unit="ms", limit=LIMIT)]
        finally:
            runner.run(feed.__aexit__())


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))

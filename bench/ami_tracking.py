"""CPU per tracked AMI event, against a reader that only makes a dict of every event.

The readers run in processes of their own on one core, the feed on another; what counts is the
CPU time of the reader's process. The mix: answered calls through a fork of two, of a hundred
tenants, those events that the shipped manager user lets through. No hook has announced the calls,
so their whole life is derived from the events.

Tracked means: parsed, mapped, applied to the ledger, its legs measured. The second row adds the
log lines (to a file), the counters and the records (queued) of all that, and has no limit.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from bench.ami_feed import Feed, record
from bench.hook import cpu_s, two_cores
from bench.measure import Row, compare
from bench.process import next_line, process

LIMIT = 3.0


class Reader:
    """A reader in a process of its own, and the feed it reads from."""

    def __init__(self, runner: asyncio.Runner, feed: Feed, process: subprocess.Popen[str]) -> None:
        self._runner = runner
        self._feed = feed
        self._process = process

    def trial(self, events: int) -> Callable[[], float]:
        """Return a trial that gives the reader's CPU µs per event."""

        async def play() -> None:
            await self._feed.play()
            await asyncio.to_thread(next_line, self._process)

        def run() -> float:
            before_s = cpu_s(self._process.pid)
            self._runner.run(play())
            return (cpu_s(self._process.pid) - before_s) * 1e6 / events

        return run


@contextmanager
def reader_process(
    runner: asyncio.Runner, tape: list[bytes], kind: str, core: int
) -> Iterator[Reader]:
    """Start a reader of that kind on its core, logged in to a feed of its own."""
    feed = Feed(tape)
    runner.run(feed.__aenter__())
    try:
        with process("bench.ami_readers", kind, feed.port, core=core) as reader:
            runner.run(feed.ready())
            yield Reader(runner, feed, reader)
    finally:
        runner.run(feed.__aexit__())


def against(kind: str, counterpart: str, name: str, *, limit: float | None = None) -> Row:
    """Return one row: the cost of an event to one of `bench.ami_readers`, and to the other."""
    with two_cores() as (first, _), asyncio.Runner() as runner, ExitStack() as stack:
        tape = runner.run(record())
        ours = stack.enter_context(reader_process(runner, tape, kind, first))
        other = stack.enter_context(reader_process(runner, tape, counterpart, first))
        trials = ours.trial(len(tape)), other.trial(len(tape))
        return compare(name, *trials, unit="µs", limit=limit)


def measure() -> list[Row]:
    """Return the rows of the table."""
    return [
        against("tracked", "dict", "AMI event tracked, CPU", limit=LIMIT),
        against("told", "dict", "AMI event tracked and told, CPU"),
    ]

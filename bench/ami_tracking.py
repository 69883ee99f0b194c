"""CPU of an AMI event tracked, against a reader that only makes a dict of every event.

The readers run in processes of their own on one core, the feed on another; what counts is the
CPU time of the reader's process. The mix: answered calls through a fork of two, those events that
the shipped manager user lets through.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from bench.ami_feed import Feed, record
from bench.hook import cpu_s
from bench.measure import Row, compare

LIMIT = 3.0
MODULE = "bench.ami_readers"


class Reader:
    """A reader in a process of its own, and the feed that it hangs on."""

    def __init__(self, runner: asyncio.Runner, feed: Feed, process: subprocess.Popen[str]) -> None:
        self._runner = runner
        self._feed = feed
        self._process = process

    def trial(self, events: int) -> Callable[[], float]:
        """A trial that gives the reader's CPU µs an event."""
        stdout = self._process.stdout
        assert stdout is not None

        async def play() -> None:
            await self._feed.play()
            line = await asyncio.to_thread(stdout.readline)
            assert line, "the reader died"

        def run() -> float:
            before_s = cpu_s(self._process.pid)
            self._runner.run(play())
            return (cpu_s(self._process.pid) - before_s) * 1e6 / events

        return run


@contextmanager
def reader_process(
    runner: asyncio.Runner, tape: list[bytes], kind: str, core: int, module: str = MODULE
) -> Iterator[Reader]:
    """Start `module`'s reader of that kind on its core, logged in to a feed of its own."""
    feed = Feed(tape)
    runner.run(feed.__aenter__())
    command = [sys.executable, "-m", module, kind, str(feed.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            os.sched_setaffinity(process.pid, {core})
            runner.run(feed.ready())
            yield Reader(runner, feed, process)
        finally:
            process.terminate()
            runner.run(feed.__aexit__())


def against(kind: str, counterpart: str, *, limit: float | None, module: str = MODULE) -> Row:
    """One row: what an event costs the one, and the other.

    `module` is where the reader `kind` lives: one with a sink of its own (a ledger, say) calls
    `bench.ami_readers.read_ours` with it.
    """
    first, *_, last = sorted(os.sched_getaffinity(0))
    own_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {last})
    try:
        with asyncio.Runner() as runner, ExitStack() as stack:
            tape = runner.run(record())
            ours = stack.enter_context(reader_process(runner, tape, kind, first, module))
            other = stack.enter_context(reader_process(runner, tape, counterpart, first))
            trials = ours.trial(len(tape)), other.trial(len(tape))
            return compare("AMI event, CPU", *trials, unit="µs", limit=limit)
    finally:
        os.sched_setaffinity(0, own_cores)


def measure(module: str = MODULE) -> Row:
    """The row of the table."""
    return against("ours", "dict", limit=LIMIT, module=module)

"""CPU of a hook session: our FastAGI server against one that answers a constant.

Each server runs in its own process on one core, the callers on another; what counts is the CPU time
of the server's process, so the callers may be as slow as they like. 32 callers at once send the
environment in 28 small writes as Asterisk does, read the command, answer it and wait for the end.
The counterpart waits for the blank line, writes a constant and closes.

Ours does all that the daemon does for a call that it admits: every session is a new channel of one
of a hundred tenants with limits; the call is judged, its slot reserved, its log line written to a
file, its counters incremented, its record built and queued. The store behind the queue drops the
records, after the time of a commit: a row on disk is a measurement of its own. The calls live until
the end of a round and are hung up between the rounds, outside of the measurement: the cost of
tracking them is the AMI event's measurement.

The second row is our server without the core: it takes the session in, reads and decodes the
environment, writes a constant and counts. The difference of the two rows is the judging, with the
ledger, the record, the line and the counters. The reasons for the costs, and what was tried, are in
docs/decisions/0010-what-a-hook-costs.md.

The core is compiled, as in the wheel that operators install: decision 11, a-compiled-core. The
third row is the same server from the sources, as `pip install .` has it.

The fourth row has panoramisk's FastAGI server as its counterpart: what else Python has. It answers
a constant, and judges nothing.

Many at once are served in groups (docs/decisions/0013-hooks-in-groups.md). The last row has one
caller, which sends one hook after the other: there are no groups then, on either side.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import randrange
from signal import SIGUSR1

import uvloop

from bench.core import PBX, TENANTS, tenant_name
from bench.measure import Row, compare
from tests.support.agi.client import ask, environment

SESSIONS = 3000
FEW_SESSIONS = 1000
CALLERS = 32
LIMIT = 1.25
SOURCES = Path(__file__).parents[1] / "src"

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Server:
    """A hook server in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def forget(self) -> None:
        """Have all its calls hung up, and return when they are."""
        self.process.send_signal(SIGUSR1)
        self.line()

    def line(self) -> str:
        """Return the next line that it writes."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said, "the server died"
        return said


@contextmanager
def two_cores() -> Iterator[tuple[int, int]]:
    """Yield one core for the measured process and one for the callers; run this process on it."""
    own_cores = os.sched_getaffinity(0)
    first, *_, last = sorted(own_cores)
    os.sched_setaffinity(0, {last})
    try:
        yield first, last
    finally:
        os.sched_setaffinity(0, own_cores)


@contextmanager
def server_process(
    kind: str, core: int | None = None, *, interpreted: bool = False
) -> Iterator[Server]:
    """Start a server of `bench.hook_servers`, pinned to a core if one is given.

    With `interpreted` it runs from the sources, whether this process is compiled or not.
    """
    command = [sys.executable, "-m", "bench.hook_servers", kind]
    env = os.environ | ({"PYTHONPATH": str(SOURCES)} if interpreted else {})
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            port = int(Server(process, 0).line())
            yield Server(process, port)
        finally:
            process.terminate()


def cpu_s(pid: int) -> float:
    """Return the CPU time another process has used, by its CPU clock (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def new_channel(tenants: int) -> list[bytes]:
    """Return the environment of a channel never seen before, of one of so many tenants."""
    number = next(_numbers)
    tenant, uniqueid = tenant_name(randrange(tenants)), f"1795222182.{number}"
    return environment(
        tenant=tenant,
        uniqueid=uniqueid,
        linkedid=uniqueid,
        pbx=PBX,
        channel=f"PJSIP/{tenant}-{number:08x}",
        accountcode=tenant,
    )


async def _call(port: int, sessions: list[list[bytes]], callers: int) -> None:
    waiting = iter(sessions)

    async def caller() -> None:
        for pieces in waiting:
            assert b"ADMIT" in await ask(port, pieces)

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())


def trial(
    server: Server, tenants: int = TENANTS, sessions: int = SESSIONS, callers: int = CALLERS
) -> Callable[[], float]:
    """Return a trial that gives the server's CPU µs per session, for random tenants."""

    def run() -> float:
        channels = [new_channel(tenants) for _ in range(sessions)]
        before_s = cpu_s(server.process.pid)
        uvloop.run(_call(server.port, channels, callers))
        taken_s = cpu_s(server.process.pid) - before_s
        server.forget()
        return taken_s * 1e6 / sessions

    return run


def measure() -> list[Row]:
    """Return the rows of the table."""
    with two_cores() as (first, _), ExitStack() as stack:
        ours, constant, null = (
            stack.enter_context(server_process(kind, first))
            for kind in ("ours", "constant", "null")
        )
        sources = stack.enter_context(server_process("ours", first, interpreted=True))
        panoramisk = stack.enter_context(server_process("panoramisk", first))
        return [
            compare("hook session, CPU", trial(ours), trial(null), unit="µs", limit=LIMIT),
            compare(
                "hook session read and answered alone, CPU", trial(constant), trial(null), unit="µs"
            ),
            compare(
                "hook session from the sources, not compiled, CPU",
                trial(sources),
                trial(null),
                unit="µs",
            ),
            compare(
                "hook session, against panoramisk's FastAGI server, CPU",
                trial(ours),
                trial(panoramisk),
                unit="µs",
            ),
            compare(
                "hook session, one caller at a time, CPU",
                trial(ours, sessions=FEW_SESSIONS, callers=1),
                trial(null, sessions=FEW_SESSIONS, callers=1),
                unit="µs",
            ),
        ]

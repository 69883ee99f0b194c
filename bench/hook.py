"""CPU of a hook session: our FastAGI server against one that answers a constant.

Each server runs in its own process on one core, the callers on another; what counts is the CPU time
of the server's process, so the callers may be as slow as they like. 32 callers at once send the
environment in 28 small writes as Asterisk does, read the command, answer it and wait for the end.
The counterpart waits for the blank line, writes a constant and closes. Our judge admits everybody:
the row is what the server itself costs.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import uvloop

from bench.measure import Row, compare
from pbxbilling.agi.server import AgiServer, AgiSettings
from pbxbilling.agi.session import Judge
from pbxbilling.clock import SystemClock
from pbxbilling.domain.hook import HookRequest, Verdict
from tests.support.agi_client import ask, environment

SESSIONS = 3000
CALLERS = 32
LIMIT = 1.25
_CONSTANT = b'SET VARIABLE __PBXBILLING "ADMIT|acme|outbound|ok||||"\n'


class NullHook(asyncio.Protocol):
    """The least that can be called a hook: wait for the blank line, answer, close."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast("asyncio.Transport", transport)
        self._tail = b""

    def data_received(self, data: bytes) -> None:
        """Answer a constant at the blank line, and close."""
        self._tail = self._tail[-1:] + data
        if self._tail.endswith(b"\n\n"):
            self._transport.write(_CONSTANT)
            self._transport.close()


class _Unobserved:
    """Takes what the server reports and makes nothing of it."""

    def session_ended(self, ending: str, seconds: float) -> None:
        """Nobody wants to know."""

    def judge_failed(self, request: HookRequest, error: Exception) -> None:
        """Nobody wants to know."""

    def command_rejected(self, code: int) -> None:
        """Nobody wants to know."""


def admit_all(request: HookRequest) -> Verdict:
    """The trivial judge: everybody passes."""
    direction = request.direction.value if request.direction else ""
    return Verdict(admit=True, tenant=request.tenant, direction=direction, call=request.uniqueid)


async def serve_null() -> None:
    """Serve the null hook for ever; the port goes to standard output."""
    server = await asyncio.get_running_loop().create_server(NullHook, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def serve_ours(judge: Judge = admit_all) -> None:
    """Serve our hook with this judge for ever; the port goes to standard output."""
    settings = AgiSettings(port=0)
    async with AgiServer(settings, judge, judge, _Unobserved(), SystemClock()) as server:
        print(server.port, flush=True)
        await server.serve()


@contextmanager
def server_process(kind: str, core: int) -> Iterator[tuple[int, int]]:
    """A server in a process of its own, pinned to a core: (port, process id)."""
    command = [sys.executable, "-m", "bench.hook", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            os.sched_setaffinity(process.pid, {core})
            assert process.stdout is not None
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def cpu_s(pid: int) -> float:
    """CPU time that another process has used, by its CPU clock (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


async def _call(port: int, sessions: int, callers: int) -> None:
    pieces = environment()

    async def caller() -> None:
        for _ in range(sessions // callers):
            assert await ask(port, pieces)

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())


def trial(port: int, pid: int) -> Callable[[], float]:
    """A trial that gives the server's CPU µs a session."""

    def run() -> float:
        before = cpu_s(pid)
        uvloop.run(_call(port, SESSIONS, CALLERS))
        return (cpu_s(pid) - before) * 1e6 / (SESSIONS // CALLERS * CALLERS)

    return run


def measure() -> Row:
    """The row of the table."""
    first, *_, last = sorted(os.sched_getaffinity(0))
    with server_process("ours", first) as ours, server_process("null", first) as null:
        own_cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {last})
        try:
            return compare("hook session, CPU", trial(*ours), trial(*null), unit="µs", limit=LIMIT)
        finally:
            os.sched_setaffinity(0, own_cores)


SERVERS = {"ours": serve_ours, "null": serve_null}

if __name__ == "__main__":
    uvloop.run(SERVERS[sys.argv[1]]())

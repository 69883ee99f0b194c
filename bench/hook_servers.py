"""The hook servers to compare, each in a process of its own: `python -m bench.hook_servers`.

A url in place of a server's name is ours on that database.

A server writes the port that it was given, and later a line whenever SIGUSR1 has made it drop the
live calls.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import uvloop
from panoramisk import fast_agi

from bench.core import TENANTS, Core
from pbxbilling.agi.server import AgiServer, ListenerSettings
from pbxbilling.calls.admission.hook import Verdict
from pbxbilling.kernel.codes import Direction
from pbxbilling.kernel.ports import RecordStore
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore

FEW = 10, 10  # tenants, live calls
MANY = 100_000, 50_000
# The commit time of an SSD with synchronous=FULL. A store that drops records at once would wake
# the writer for every call; during a disk write, the calls of some milliseconds gather.
COMMIT_S = 0.002
ADMIT = "ADMIT|acme|outbound|ok||||"
REFUSE = "REFUSE|acme|outbound|max_calls|17|||"


class NullHook(asyncio.Protocol):
    """The minimal hook: wait for the blank line, answer, close."""

    def __init__(self, verdict: str) -> None:
        self._command = f'SET VARIABLE __PBXBILLING "{verdict}"\n'.encode()
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Save the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer a constant at the blank line, and close."""
        self._tail = self._tail[-1:] + data
        if self._tail.endswith(b"\n\n"):
            self._transport.write(self._command)
            self._transport.close()


async def serve_null(verdict: str = ADMIT) -> None:
    """Serve the null hook until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: NullHook(verdict), "127.0.0.1", 0, backlog=4096)
    _open(server.sockets[0].getsockname()[1], forget=lambda: None)
    await server.serve_forever()


async def serve_panoramisk() -> None:
    """Serve panoramisk's FastAGI server, which answers a constant, until killed."""
    application = fast_agi.Application(loop=asyncio.get_running_loop())

    async def admit(request: fast_agi.Request) -> None:
        await request.send_command(f'SET VARIABLE __PBXBILLING "{ADMIT}"')

    application.add_route("outbound", admit)
    server = await asyncio.start_server(application.handler, "127.0.0.1", 0, backlog=4096)
    _open(server.sockets[0].getsockname()[1], forget=lambda: None)
    await server.serve_forever()


async def serve_constant() -> None:
    """Serve our hook server without the core: it reads, answers a constant and counts."""
    verdict = Verdict(admit=True, tenant="acme", direction=Direction.OUTBOUND)
    with TemporaryDirectory() as directory:
        core = Core(Path(directory, "log"))
        server = AgiServer(
            ListenerSettings(port=0),
            lambda _: verdict,
            core.admission.by_policy,
            core.watch,
            core.clock,
        )
        async with server:
            _open(server.port, forget=lambda: None)
            await server.serve()


async def serve_refusals() -> None:
    """Serve the null hook that refuses."""
    await serve_null(REFUSE)


async def serve_ours(
    tenants: int = TENANTS, calls: int = 0, store: RecordStore | None = None
) -> None:
    """Serve our hook until killed, with the daemon's core and its sinks behind it."""
    with TemporaryDirectory() as directory:
        log = Path(directory, "log")
        core = Core(log, tenants=tenants, calls=calls, commit_s=COMMIT_S, store=store)
        judge, by_policy = core.admission.judge, core.admission.by_policy
        server = AgiServer(ListenerSettings(port=0), judge, by_policy, core.watch, core.clock)
        async with asyncio.TaskGroup() as tasks, server:
            tasks.create_task(core.writer.run())
            _open(server.port, core.hang_up)
            await server.serve()


async def serve_on(url: str) -> None:
    """Serve our hook until killed, and commit its records to a database."""
    async with await SqlStore.open(database_at(url)) as store:
        await serve_ours(store=store)


def _open(port: int, forget: Callable[[], None]) -> None:
    def forgotten() -> None:
        forget()
        print("forgotten", flush=True)

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, forgotten)
    print(port, flush=True)


SERVERS: Mapping[str, Callable[[], Coroutine[None, None, None]]] = {
    "ours": serve_ours,
    "few": partial(serve_ours, *FEW),
    "many": partial(serve_ours, *MANY),
    "constant": serve_constant,
    "null": serve_null,
    "panoramisk": serve_panoramisk,
    "refusals": serve_refusals,
}

if __name__ == "__main__":
    kind = sys.argv[1]
    uvloop.run(serve_on(kind) if "://" in kind else SERVERS[kind]())

"""The AMI readers to compare, each in a process of its own: `python -m bench.ami_readers`.

A reader connects to the given port, and writes a line whenever it has seen a Reload.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import uvloop
from panoramisk import Manager
from panoramisk.message import Message

from bench.core import PBX, Core
from pbxbilling.ami.link import AmiLink
from pbxbilling.ami.messages.mapping import SIGNALS
from pbxbilling.ami.settings import LinkSettings
from pbxbilling.calls.live.signals import Reloaded, Signal
from pbxbilling.runtime.clock import SystemClock

Sink = Callable[[Signal], None]
_LOGIN = b"Action: Login\r\nUsername: u\r\nSecret: s\r\n\r\n"


def _done() -> None:
    print("done", flush=True)


class _Unobserved:
    """An observer of the link that ignores all reports."""

    def connected(self, pbx: str, uptime_s: float | None) -> None:
        """Ignore it."""

    def disconnected(self, pbx: str, reason: str) -> None:
        """Ignore it."""

    def login_failed(self, pbx: str, message: str) -> None:
        """Ignore it."""

    def clock_reported(self, pbx: str, at: datetime) -> None:
        """Ignore it."""

    def unmapped(self, pbx: str, event: str) -> None:
        """Ignore it."""

    def oversized(self, pbx: str, messages: int) -> None:
        """Ignore it."""

    def broken(self, pbx: str, rejoined: int, lost: int) -> None:
        """Ignore it."""

    def sink_failed(self, pbx: str, signal: Signal, error: Exception) -> None:
        """Ignore it."""


def forget(signal: Signal) -> None:
    """Drop the signal: the null sink."""


async def read_ours(port: int, sink: Sink = forget) -> None:
    """Run the daemon's own link in front of this sink; with the default it only parses and maps."""

    def take(signal: Signal) -> None:
        sink(signal)
        if signal.__class__ is Reloaded:
            _done()

    settings = LinkSettings(PBX, "127.0.0.1", "u", "s", port=port, ping_s=3600)
    await AmiLink(settings, take, _Unobserved(), SystemClock(), random.Random()).run()


async def read_tracked(port: int, *, silent: bool = True) -> None:
    """Run the link and the ledger; unless `silent`, also log, metrics and records."""
    with TemporaryDirectory() as directory:
        core = Core(Path(directory, "log"), silent=silent)

        def track(signal: Signal) -> None:
            core.hear(signal)
            if isinstance(signal, Reloaded):
                assert not core.ledger.calls, "every call of the tape ends"

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(core.writer.run())
            tasks.create_task(read_ours(port, track))


async def read_told(port: int) -> None:
    """Run everything that the daemon does with an event."""
    await read_tracked(port, silent=False)


class DictReader(asyncio.Protocol):
    """The counterpart: makes a dict of every event, and nothing of the dict."""

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Log in."""
        cast("asyncio.Transport", transport).write(_LOGIN)

    def data_received(self, data: bytes) -> None:
        """Split at the blank lines, then at the colons."""
        *blocks, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for block in blocks:
            fields = {k: v for k, _, v in [x.partition(b": ") for x in block.split(b"\r\n")]}
            if fields.get(b"Event") == b"Reload":
                _done()


async def read_dicts(port: int) -> None:
    """Run the counterpart until killed."""
    await asyncio.get_running_loop().create_connection(DictReader, "127.0.0.1", port)
    await asyncio.Event().wait()


async def read_panoramisk(port: int) -> None:
    """Run panoramisk, with a callback that does nothing on every event that the link maps."""

    def take(_: Manager, message: Message) -> None:
        if message.event == "Reload":
            _done()

    loop = asyncio.get_running_loop()
    peer = Manager(
        loop=loop, host="127.0.0.1", port=port, username="u", secret="s", ping_delay=3600
    )
    for event in SIGNALS:
        peer.register_event(event.decode(), take)
    await peer.connect()
    await asyncio.Event().wait()


READERS: Mapping[str, Callable[[int], Coroutine[None, None, None]]] = {
    "ours": read_ours,
    "tracked": read_tracked,
    "told": read_told,
    "dict": read_dicts,
    "panoramisk": read_panoramisk,
}

if __name__ == "__main__":
    uvloop.run(READERS[sys.argv[1]](int(sys.argv[2])))

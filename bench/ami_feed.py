"""A manager that replays a tape: the events of calls, recorded once from the virtual PBX."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from bench.core import tenant_name
from pbxbilling.ami.messages.protocol import Framer
from rig.virtualpbx import VirtualPbx

CALLS = 1000
AT_ONCE = 50
_EPOCH = 1_111_111_111
_LAST = (
    b"Event: Reload\r\nPrivilege: system,all\r\nTimestamp: 1111111111.000000\r\n"
    b"Module: bench\r\nStatus: 0\r\n\r\n"
)
_GREETING = b"Asterisk Call Manager/9.0.0\r\n"
_SHIPPED = Path(__file__).parent.parent / "config" / "asterisk" / "manager_pbxbilling.conf"


def _shipped_filter() -> re.Pattern[bytes]:
    found = re.search(rb"^eventfilter = (.*)$", _SHIPPED.read_bytes(), re.MULTILINE)
    assert found is not None
    return re.compile(found[1])


async def record(calls: int = CALLS) -> list[bytes]:
    """Record what the shipped user receives of that many answered calls through a fork of two."""
    async with VirtualPbx(epoch=_EPOCH) as pbx:
        reader, writer = await asyncio.open_connection("127.0.0.1", pbx.port, limit=1 << 26)
        writer.write(b"Action: Login\r\nUsername: pbxbilling\r\nSecret: secret\r\n\r\n")
        await reader.readuntil(b"Fully Booted\r\n\r\n")
        framer = Framer()
        framer.feed(_GREETING)
        tape: list[bytes] = []
        passes = _shipped_filter()
        for _ in range(calls // AT_ONCE):
            await asyncio.gather(
                *(
                    pbx.call(tenant_name(number), "3201", ring_s=0.001, talk_s=0, fork=2)
                    for number in range(AT_ONCE)
                )
            )
            pbx.emit("Reload", "")
            heard = framer.feed(await reader.readuntil(b"Event: Reload\r\n"))
            tape += (block + b"\r\n\r\n" for block in heard if passes.match(block))
            framer.feed(await reader.readuntil(b"\r\n\r\n"))
        writer.close()
        await writer.wait_closed()
        return tape


class Feed:
    """One manager port for one reader; `play` sends the tape with channels never seen before."""

    def __init__(self, tape: list[bytes]) -> None:
        self._tape = tape
        self._played = 0
        self._ready = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        if self._writer is not None:
            self._writer.close()
            with suppress(ConnectionError):
                await self._writer.wait_closed()

    @property
    def port(self) -> int:
        """The port at which it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def ready(self) -> None:
        """Wait for the reader's login."""
        await self._ready.wait()

    async def play(self) -> None:
        """Send the events, one write each as Asterisk does, and a Reload at the end."""
        assert self._writer is not None
        for event in self.fresh():
            self._writer.write(event)
            await self._writer.drain()
        self._writer.write(_LAST)

    def fresh(self) -> list[bytes]:
        """Return the events of the tape, with channels never seen before."""
        self._played += 1
        old, new = str(_EPOCH).encode(), str(_EPOCH + self._played).encode()
        return [event.replace(old, new) for event in self._tape]

    async def stream(self, events: list[bytes], per_s: int) -> None:
        """Send events at that rate, those of a millisecond in one write."""
        assert self._writer is not None
        began = time.perf_counter()
        sent = 0
        while sent < len(events):
            due = int((time.perf_counter() - began) * per_s)
            self._writer.write(b"".join(events[sent:due]))
            sent = max(sent, due)
            await asyncio.sleep(0.001)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        writer.write(_GREETING)
        while "Action: Login" not in (asked := await _action(reader)):  # a challenge is asked for
            writer.write(f"Response: Success\r\n{_action_id(asked)}Challenge: 1\r\n\r\n".encode())
        writer.write(
            f"Response: Success\r\n{_action_id(asked)}Message: Authentication accepted\r\n\r\n"
            "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 1\r\nLastReload: 1\r\n"
            "Status: Fully Booted\r\n\r\n".encode()
        )
        self._ready.set()
        while await reader.read(4096):
            pass


async def _action(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


def _action_id(action: str) -> str:
    """Return the line with the action's id; nothing for one without."""
    lines = action.splitlines(keepends=True)
    return next((line for line in lines if line.lower().startswith("actionid")), "")

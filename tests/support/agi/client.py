"""A FastAGI client with Asterisk's manners: small writes, one answer a command, then EOF."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable
from typing import Self

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with zero time: close() sends RST


def environment(
    path: str = "outbound",
    tenant: str = "acme",
    number: str = "015550100",
    *,
    uniqueid: str = "1795222182.361",
    linkedid: str = "1795222182.361",
    pbx: str = "pbx1",
    caller: bytes = b"101",
    context: str = "from-acme",
    channel: str = "PJSIP/acme-00000001",
    accountcode: str = "acme",
) -> list[bytes]:
    """Return the 28 writes that Asterisk 22 starts a session with, blank line included."""
    return [
        b"agi_network: yes\n",
        f"agi_network_script: {path}\n".encode(),
        f"agi_request: agi://127.0.0.1:4590/{path}\n".encode(),
        f"agi_channel: {channel}\n".encode(),
        b"agi_language: en\n",
        b"agi_type: PJSIP\n",
        f"agi_uniqueid: {uniqueid}\n".encode(),
        b"agi_version: 22.10.0\n",
        b"agi_callerid: %b\n" % caller,
        b"agi_calleridname: Alice\n",
        b"agi_callingpres: 0\n",
        b"agi_callingani2: 0\n",
        b"agi_callington: 0\n",
        b"agi_callingtns: 0\n",
        b"agi_dnid: unknown\n",
        b"agi_rdnis: unknown\n",
        b"agi_context: pbxbilling-admit\n",
        b"agi_extension: s\n",
        b"agi_priority: 5\n",
        b"agi_enhanced: 0.0\n",
        f"agi_accountcode: {accountcode}\n".encode(),
        b"agi_threadid: 140123456789\n",
        f"agi_arg_1: {tenant}\n".encode(),
        f"agi_arg_2: {linkedid}\n".encode(),
        f"agi_arg_3: {number}\n".encode(),
        f"agi_arg_4: {pbx}\n".encode(),
        f"agi_arg_5: {context}\n".encode(),
        b"\n",
    ]


class AgiClient:
    """One connection to a FastAGI server, step by step; `ask` runs a whole good session."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._address = (host, port)
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)

    async def __aenter__(self) -> Self:
        try:
            await self._loop.sock_connect(self._socket, self._address)
        except BaseException:
            self._socket.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, pieces: Iterable[bytes]) -> None:
        """Send one write per piece, as Asterisk does; they fit the socket's buffer."""
        for piece in pieces:
            self._socket.send(piece)

    async def pour(self, pieces: Iterable[bytes]) -> None:
        """Send any amount, for as long as the server listens."""
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                await self._loop.sock_sendall(self._socket, piece)
            self.end_of_words()

    async def rest(self) -> bytes:
        """Return all that the server sends until EOF."""
        heard = b""
        with contextlib.suppress(ConnectionError):
            while data := await self._loop.sock_recv(self._socket, 4096):
                heard += data
        return heard

    def end_of_words(self) -> None:
        """Half-close the connection: close our side only."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Reset the connection, as a dying machine does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.close()

    async def command(self) -> bytes:
        """Return the next line from the server; empty where it closed without one."""
        line = b""
        while not line.endswith(b"\n"):
            data = await self._loop.sock_recv(self._socket, 4096)
            if not data:
                break
            line += data
        return line

    def waits(self) -> bool:
        """Return whether the server has neither spoken nor closed so far."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except ConnectionError:
            pass
        return False

    async def closed(self) -> bool:
        """Return whether the server closes without sending more."""
        try:
            return await self._loop.sock_recv(self._socket, 4096) == b""
        except ConnectionResetError:  # it closed before our last bytes arrived
            return True


async def ask(port: int, pieces: Iterable[bytes]) -> bytes:
    """Run a whole session as Asterisk does; return the command that the server sent."""
    async with AgiClient(port) as client:
        client.send(pieces)
        command = await client.command()
        if command:
            client.send([b"200 result=1\n"])
            await client.closed()
        return command

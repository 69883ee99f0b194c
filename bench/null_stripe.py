"""A server that accepts any request as Stripe would, in a process of its own, and stores nothing.

`python -m bench.null_stripe` writes its port.
"""

from __future__ import annotations

import asyncio
from typing import cast

import uvloop

_BODY = b'{"object": "list", "data": [], "has_more": false}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)
_END, _LENGTH = b"\r\n\r\n", b"content-length:"


class NullStripe(asyncio.Protocol):
    """Answers a constant at the end of each request."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Save the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self._received += data
        while (whole := _whole(self._received)) is not None:
            self._received = self._received[whole:]
            self._transport.write(_ANSWER)


def _whole(received: bytes) -> int | None:
    """Return the length of the first request; None while it is incomplete."""
    head, end, _ = received.partition(_END)
    if not end:
        return None
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(_LENGTH)), b":0")
    whole = len(head) + len(end) + int(length.partition(b":")[2])
    return whole if len(received) >= whole else None


async def serve() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(NullStripe, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())

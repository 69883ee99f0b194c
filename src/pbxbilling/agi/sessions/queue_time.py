"""How long a hook has waited for its accept, by the kernel's clock.

A connection waits in the listener's queue before it is accepted. With more hooks than one core can
judge, that is where callers wait, and a clock that starts at the accept never sees it.
"""

from __future__ import annotations

import socket
import struct

_ASKED_EVERY = 16  # a system call: too expensive for each connection
CROWDED_S = 0.01
"""A connection that waited this long is one of many, or the event loop was busy."""
_LAST_DATA_RECV = 52  # in struct tcp_info (linux/tcp.h): ms since the last bytes, or the SYN
_MS = struct.Struct("I")


class QueueTime:
    """Measures how long the connections that are accepted now have waited.

    They wait in line, so one in sixteen is measured for all; while waits are long, each one is.
    """

    def __init__(self) -> None:
        self._waited_s = 0.0
        self._accepted = 0

    def waited_s(self, connection: socket.socket) -> float:
        """Return how long the connection has waited, in seconds; 0 if the kernel does not say."""
        self._accepted += 1
        if self._accepted % _ASKED_EVERY == 0 or self._waited_s > CROWDED_S:
            self._waited_s = _since_last_bytes_s(connection)
        return self._waited_s


def _since_last_bytes_s(connection: socket.socket) -> float:
    """Return the age of the last bytes: Asterisk sends all at once, so this is its wait."""
    try:
        info = connection.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECV + _MS.size
        )
    except OSError:  # the connection is gone
        return 0.0
    return float(_MS.unpack_from(info, _LAST_DATA_RECV)[0]) / 1000

"""When a hook began to wait: as the kernel saw it, not as we found time for it.

A connection stands in the listener's queue before it is accepted. With more hooks than one core
judges that is where their callers wait, and a clock that starts at the accept never sees it.
"""

from __future__ import annotations

import socket
import struct

_ASKED_EVERY = 16  # a system call: too dear for each
CROWDED_S = 0.01
"""Who has waited so long is one of many, or has found the loop at other work."""
_LAST_DATA_RECV = 52  # in struct tcp_info (linux/tcp.h): ms since the last bytes, else the SYN
_MS = struct.Struct("I")


class QueueTime:
    """Knows how long the connections that are accepted now have waited for it.

    They wait in line, so one in sixteen tells for all; while it has waited for long, each is asked.
    """

    def __init__(self) -> None:
        self._waited_s = 0.0
        self._accepted = 0

    def waited_s(self, connection: socket.socket) -> float:
        """So long it has waited, in seconds; 0 where the kernel does not say."""
        self._accepted += 1
        if self._accepted % _ASKED_EVERY == 0 or self._waited_s > CROWDED_S:
            self._waited_s = _since_last_bytes_s(connection)
        return self._waited_s


def _since_last_bytes_s(connection: socket.socket) -> float:
    """Asterisk says all at once and then waits: the last bytes are as old as its patience."""
    try:
        told = connection.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECV + _MS.size
        )
    except OSError:  # gone already
        return 0.0
    return float(_MS.unpack_from(told, _LAST_DATA_RECV)[0]) / 1000

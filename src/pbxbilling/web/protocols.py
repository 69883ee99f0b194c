"""HTTP protocols of the daemon: one limits the time of a request, one identifies the peer."""

from __future__ import annotations

import asyncio
import socket
import struct

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from pbxbilling.web.limits import Connections

REQUEST_S = 20.0  # from the connect, or the first byte, to the complete request

_WHOLE = {h11.DONE, h11.MUST_CLOSE, h11.CLOSED, h11.ERROR}


class PatientProtocol(H11Protocol):
    """Aborts a connection if a request, body included, is not complete within `REQUEST_S`.

    uvicorn's own limit covers only the idle time between two requests.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # always a socket here
        """Start the time limit."""
        super().connection_made(transport)
        self._limit: asyncio.TimerHandle | None = None
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Start the limit with the first byte of a request; further bytes do not extend it."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time limit."""
        self._stop()
        super().connection_lost(exc)

    @property
    def is_working(self) -> bool:
        """Whether a complete request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete:
            return False
        return self.conn.their_state in _WHOLE

    def give_up(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    def _watch(self) -> None:
        if self.conn.their_state in _WHOLE:
            self._stop()
        elif self._limit is None:
            self._limit = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _stop(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


def bounded(open_ones: Connections) -> type[PatientProtocol]:
    """Return the protocol of a server that has so many connections at a time."""

    class BoundedProtocol(PatientProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            open_ones.add(self)

        def connection_lost(self, exc: Exception | None) -> None:
            open_ones.remove(self)
            super().connection_lost(exc)

    return BoundedProtocol


_UCRED = struct.Struct("iII")  # pid, uid, gid: unix(7), SO_PEERCRED


class PeerProtocol(H11Protocol):
    """Puts the peer's user id into `request.state.peer_uid`.

    The kernel records it at the connect; nothing that the peer sends can change it.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # always a socket here
        """Copy the peer's uid into the state of every request on this connection."""
        super().connection_made(transport)
        link: socket.socket = transport.get_extra_info("socket")
        credentials = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        _pid, uid, _gid = _UCRED.unpack(credentials)
        self.app_state = {**self.app_state, "peer_uid": uid}

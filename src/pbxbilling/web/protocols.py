"""HTTP as the daemon serves it: it waits for nobody for ever, and knows whose process asks it."""

from __future__ import annotations

import asyncio
import socket
import struct

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 20.0  # from the first byte, or from the connection, to a whole request

_WHOLE = {h11.DONE, h11.MUST_CLOSE, h11.CLOSED, h11.ERROR}


class PatientProtocol(H11Protocol):
    """Drops a connection whose request, with its body, is not whole within `REQUEST_S`.

    uvicorn's own limit is only for the silence between two requests.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._limit: asyncio.TimerHandle | None = None
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Go on waiting from the first byte on; a byte more wins no time."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state in _WHOLE:
            self._stop()
        elif self._limit is None:
            self._limit = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _stop(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


_UCRED = struct.Struct("iII")  # pid, uid, gid: unix(7), SO_PEERCRED


class PeerProtocol(H11Protocol):
    """Puts the peer's user id into `request.state.peer_uid`.

    The kernel took it when the peer connected; nothing that the peer sends can change it.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the peer's credentials into the state of every request of this connection."""
        super().connection_made(transport)
        link: socket.socket = transport.get_extra_info("socket")
        credentials = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        _pid, uid, _gid = _UCRED.unpack(credentials)
        self.app_state = {**self.app_state, "peer_uid": uid}

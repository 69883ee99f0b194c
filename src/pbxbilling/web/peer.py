"""HTTP over a Unix socket that knows whose process is at the other end."""

from __future__ import annotations

import asyncio
import socket
import struct

from uvicorn.protocols.http.h11_impl import H11Protocol

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

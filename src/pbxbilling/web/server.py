"""Runs the applications in the daemon's event loop; the daemon handles the signals."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from pbxbilling.web.protocols import PatientProtocol, PeerProtocol


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the daemon."""
        yield


def tcp_listener(host: str, port: int) -> socket.socket:
    """Return a listening socket; clients that connect before `serve` wait.

    Raises OSError if the address is taken.
    """
    return socket.create_server((host, port), reuse_port=False)


async def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serve until cancelled, then close the listener.

    Over a Unix socket, each request carries the uid of its peer.
    """
    config = uvicorn.Config(
        app,
        http=PeerProtocol if listener.family == socket.AF_UNIX else PatientProtocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    with listener:
        await _Server(config).serve(sockets=[listener])

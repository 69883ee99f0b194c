"""Runs the applications inside the daemon's own event loop, which owns the signals."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from pbxbilling.web.protocols import PatientProtocol, PeerProtocol


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the daemon."""
        yield


def tcp_listener(host: str, port: int) -> socket.socket:
    """A socket that listens already: who connects waits until it is served.

    Raises OSError where the address is taken.
    """
    return socket.create_server((host, port), reuse_port=False)


def unix_listener(path: Path) -> socket.socket:
    """The same for a Unix socket that owner and group may use; a stale one is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o660)
    listener.listen(64)
    return listener


async def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serve until cancelled; the listener is closed then.

    On a Unix socket each request knows its peer.
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

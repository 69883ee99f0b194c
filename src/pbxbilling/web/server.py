"""Runs the applications in the daemon's event loop; the daemon handles the signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from pbxbilling.web.limits import CONNECTIONS_MOST, Connections, HttpWatch
from pbxbilling.web.protocols import PeerProtocol, bounded


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


async def serve_public(app: FastAPI, listener: socket.socket, watch: HttpWatch) -> None:
    """Serve strangers until cancelled, so many at a time, then close the listener."""
    await _serve(app, listener, bounded(Connections(CONNECTIONS_MOST, watch.turned_away)))


async def serve_commands(app: FastAPI, listener: socket.socket) -> None:
    """Serve a Unix socket until cancelled, then close it; each request has its peer's uid."""
    await _serve(app, listener, PeerProtocol)


async def _serve(app: FastAPI, listener: socket.socket, protocol: type[asyncio.Protocol]) -> None:
    config = uvicorn.Config(
        app,
        http=protocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    with listener:
        await _Server(config).serve(sockets=[listener])

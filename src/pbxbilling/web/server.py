"""Runs the applications inside the daemon's own event loop, which owns the signals."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the daemon."""
        yield


async def serve_tcp(app: FastAPI, host: str, port: int) -> None:
    """Serve until cancelled; raises OSError where the address is taken."""
    await _serve(app, [socket.create_server((host, port), reuse_port=False)])


async def serve_unix(app: FastAPI, path: Path) -> None:
    """Serve on a Unix socket that owner and group may use; a stale one is replaced."""
    listener = _unix_listener(path)
    try:
        await _serve(app, [listener])
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - a moment, at the end


def _unix_listener(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o660)
    listener.listen(64)
    return listener


async def _serve(app: FastAPI, sockets: list[socket.socket]) -> None:
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    try:
        await _Server(config).serve(sockets=sockets)
    finally:
        for one in sockets:
            one.close()

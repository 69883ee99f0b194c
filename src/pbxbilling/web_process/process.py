"""Runs the process: configuration, database, listener, until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import uvloop
from fastapi import Request

from pbxbilling import __version__
from pbxbilling.config.load import load
from pbxbilling.config.settings import Settings
from pbxbilling.identity.principal import Principal
from pbxbilling.identity.sign_in import SignIn
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.telemetry.logs import Log, StandardHandler
from pbxbilling.telemetry.writer import LineWriter
from pbxbilling.web.api import api, warmed_up
from pbxbilling.web.api.rights import UnauthenticatedError
from pbxbilling.web.server import serve_public, tcp_listener
from pbxbilling.web_process.forward import Forwarder
from pbxbilling.web_process.readers import Readers

_BEARER = "Bearer "


class ListenError(ServiceError):
    """The address cannot be listened on; the message names it, and the fix."""


def serve(path: Path, env: Mapping[str, str] | None = None) -> None:
    """Serve until SIGTERM. Raises ConfigError, StoreError or ListenError at the start."""
    settings = load(path, os.environ if env is None else env, with_secrets=False)
    lines = LineWriter()
    log = Log(lines, SystemClock(), settings.log.format, settings.log.level)
    logging.basicConfig(handlers=[StandardHandler(log)], level=logging.WARNING, force=True)
    try:
        uvloop.run(_serve(settings, log))
    finally:
        lines.close()


async def _serve(settings: Settings, log: Log) -> None:
    clock, address = SystemClock(), settings.web.address
    store = SqlStore.read_only(database_at(settings.database.place))
    forwarder = Forwarder(settings.http.admin, clock)
    sign_in = SignIn(store.identity_store, clock)

    async def principal_of(request: Request) -> Principal:
        return await _bearer_of(request, sign_in)

    readers = Readers(store, settings, clock)
    app = warmed_up(api(readers.services, principal_of, forwarder.endpoint))
    try:
        listener = tcp_listener(address.host, address.port)
    except OSError as error:
        msg = (
            f"web.listen {address}: {error.strerror}: stop the program that listens there, or"
            " choose another address"
        )
        raise ListenError(msg) from error
    stop = _stop_on_signals()
    async with store:
        serving = asyncio.create_task(serve_public(app, listener, _Uncounted()), name="web")
        log.info("ready", version=__version__, listen=str(address))
        await stop.wait()
        serving.cancel()
        await asyncio.wait({serving})
        await forwarder.close()
        log.info("stopped")


async def _bearer_of(request: Request, sign_in: SignIn) -> Principal:
    given = request.headers.get("Authorization", "")
    address = request.client.host if request.client else ""
    found = await sign_in.by_token(given.removeprefix(_BEARER), address)
    if found is None or not given.startswith(_BEARER):
        raise UnauthenticatedError("no token in force: send `Authorization: Bearer TOKEN`")
    return found


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


class _Uncounted:
    """Counts no connection that was turned away."""

    def turned_away(self, what: str) -> None:
        """Do nothing."""

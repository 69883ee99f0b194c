"""Runs the process: configuration, database, listener, until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import uvloop
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from pbxbilling import __version__
from pbxbilling.config.faults import ConfigError, Fault
from pbxbilling.config.load import load
from pbxbilling.config.settings import Settings
from pbxbilling.config.value_types import Address
from pbxbilling.credentials.algorithms import PyOtp
from pbxbilling.identity.people.log_in import LogIn
from pbxbilling.identity.sign_in import SignIn
from pbxbilling.kernel.errors import ServiceError, StoreError
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.telemetry.logs import Log, StandardHandler
from pbxbilling.telemetry.writer import LineWriter
from pbxbilling.web.api import Elsewhere, api, warmed_up
from pbxbilling.web.api.rights import Feature
from pbxbilling.web.api.routing import ServicesOf
from pbxbilling.web.server import serve_public, tcp_listener
from pbxbilling.web_process.beside import Beside
from pbxbilling.web_process.boundary import Boundary
from pbxbilling.web_process.forward import Forwarder
from pbxbilling.web_process.readers import Readers
from pbxbilling.web_process.replica import Replica
from pbxbilling.web_process.sessions.routes import SessionRoutes
from pbxbilling.web_process.sessions.store import Sessions
from pbxbilling.web_process.sign_in import Requests
from pbxbilling.wiring.passwords import PasswordsByWorker
from pbxbilling.worker.process import WorkerProcess


class ListenError(ServiceError):
    """The address cannot be listened on; the message names it, and the fix."""


class StateError(ServiceError):
    """The folder of this process's own cannot be used; the message names it, and the fix."""


def serve(path: Path, env: Mapping[str, str] | None = None) -> None:
    """Serve until SIGTERM. Raises ConfigError, StoreError or ListenError at the start."""
    settings = load(path, os.environ if env is None else env, with_secrets=False)
    # Processes beside this one are started in its folder, which must not name their modules.
    os.environ["PYTHONSAFEPATH"] = "1"
    _check_login(path, settings)
    lines = LineWriter()
    log = Log(lines, SystemClock(), settings.log.format, settings.log.level)
    logging.basicConfig(handlers=[StandardHandler(log)], level=logging.WARNING, force=True)
    try:
        uvloop.run(_serve(settings, log))
    finally:
        lines.close()


def _check_login(path: Path, settings: Settings) -> None:
    """Raise ConfigError where the daemon's password is needed, which this process must not have."""
    if settings.web.database is None and settings.database.password_file is not None:
        why = (
            "this process must not have the daemon's password: give it a login that only reads"
            ' (config/postgresql/roles.sql), as url = "postgresql://pbxbilling_reader@…"'
        )
        raise ConfigError([Fault(str(path), None, "web.database", why)])


async def _serve(settings: Settings, log: Log) -> None:
    clock, web = SystemClock(), settings.web
    store = SqlStore.read_only(database_at(settings.web_database))
    sessions = Sessions(web.state / "sessions.db", clock)
    requests = Requests(store.identity_store, SignIn(store.identity_store, clock), sessions, web)
    replica = Replica(settings.http.admin, clock)
    forwarder = Forwarder(settings.http.admin, clock, requests.address_of)
    listener = _listener(web.address)
    stop = _stop_on_signals()
    async with store:
        await _opened(sessions, web.state)
        readers = Readers(store, settings, clock, replica)
        app = _app(settings, store, sessions, requests, forwarder, log, readers.services)
        app.add_middleware(
            Boundary, hosts=web.own_hosts, is_trusted=requests.is_proxied, live=replica
        )
        following = asyncio.create_task(replica.run(), name="live")
        await _read_ahead(replica, readers, stop)
        serving = asyncio.create_task(serve_public(app, listener, _Uncounted()), name="web")
        log.info("ready", version=__version__, listen=str(web.address), url=web.public_url)
        await stop.wait()
        serving.cancel()
        following.cancel()
        await asyncio.wait({serving, following})
        await forwarder.close()
        await sessions.close()
        log.info("stopped")


async def _read_ahead(replica: Replica, readers: Readers, stop: asyncio.Event) -> None:
    """Read what is live, and all accounts, which no request should wait for; or until `stop`."""

    async def read() -> None:
        await replica.begun()
        with suppress(StoreError):  # it is away: each request asks again
            await readers.services()

    both = {asyncio.create_task(read()), asyncio.create_task(stop.wait())}
    _, left = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()


def _app(
    settings: Settings,
    store: SqlStore,
    sessions: Sessions,
    requests: Requests,
    forwarder: Forwarder,
    log: Log,
    services: ServicesOf,
) -> FastAPI:
    hasher = PasswordsByWorker(WorkerProcess())
    log_in = LogIn(store.identity_store, hasher, PyOtp(), SystemClock(), log.sink)
    return warmed_up(
        api(
            services,
            requests.principal_of,
            Elsewhere(forwarder.endpoint, Beside(settings).endpoint),
            requests.is_stepped_up,
            [SessionRoutes(log_in, sessions, requests, forwarder).router()],
            [*map(Feature, settings.switched_off)],
        )
    )


async def _opened(sessions: Sessions, state: Path) -> None:
    """Open the sessions. Raises StateError where the folder cannot be used."""
    try:
        await asyncio.to_thread(state.mkdir, mode=0o700, parents=True, exist_ok=True)
        await sessions.open()
    except (OSError, SQLAlchemyError) as error:
        msg = f"web.state {state}: give this user a folder of its own there ({error})"
        raise StateError(msg) from error


def _listener(address: Address) -> socket.socket:
    try:
        return tcp_listener(address.host, address.port)
    except OSError as error:
        msg = (
            f"web.listen {address}: {error.strerror}: stop the program that listens there, or"
            " choose another address"
        )
        raise ListenError(msg) from error


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

"""Opens connections to a PostgreSQL server: one to write, some to read, each with its limits.

A limit is the server's where it has one (a statement, an idle transaction), and the driver's where
the server may be gone (opening, a command without an answer). A command without an answer ends its
connection, since neither side knows any more what the other is at: a writer is held for
`WRITE_S + _BEYOND_S + CLOSE_S` at most, wherever the network or the server stands still.

A reader may wait for longer. There the kernel ends a connection to a machine that is gone.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import asyncpg
from sqlalchemy import NullPool, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from pbxbilling import __version__
from pbxbilling.runtime.database_url import PostgresUrl

READERS = 4
OPEN_S = 5.0
WRITE_S = 5.0
READ_S = 60.0  # a report over years
IDLE_S = 10.0  # in a transaction
CLOSE_S = 1.0
_OPEN_LEAST_S = 2.0  # for each of several servers
_BEYOND_S = 2.0  # the driver waits for so much longer than the server works

_MS = 1000
_READING = {
    "default_transaction_isolation": "repeatable read",  # one snapshot a transaction
    "default_transaction_read_only": "on",
}
# tcp(7): a peer that answers nothing for some 10 s is gone. The driver's own limits notice what the
# kernel cannot: a server that is stopped, with a kernel that still answers for it.
_TCP = {
    socket.TCP_KEEPIDLE: 4,
    socket.TCP_KEEPINTVL: 2,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 10 * _MS,
}


def writer_engine(url: PostgresUrl, *, patient: bool = False) -> AsyncEngine:
    """Return an engine of one connection that writes; if it is `patient`, without limits."""
    limit_s = None if patient else WRITE_S
    return _engine(url, "writer", limit_s, pool_size=1, max_overflow=0)


def reader_engine(url: PostgresUrl) -> AsyncEngine:
    """Return an engine of `READERS` connections; each transaction reads one snapshot."""
    return _engine(url, "reader", READ_S, reads=True, pool_size=READERS, max_overflow=0)


def onlooker_engine(url: PostgresUrl, *, patient: bool) -> AsyncEngine:
    """Return an engine that opens a connection for each snapshot; `patient`: without limits."""
    limit_s = None if patient else READ_S
    return _engine(url, "reader", limit_s, reads=True, poolclass=NullPool)


def single_engine(url: PostgresUrl, use: str, limit_s: float | None) -> AsyncEngine:
    """Return an engine that opens a connection for each use; None: no limit of its statements."""
    return _engine(url, use, limit_s, poolclass=NullPool)


def _engine(
    url: PostgresUrl, use: str, limit_s: float | None, *, reads: bool = False, **pool: Any
) -> AsyncEngine:
    settings = {
        "application_name": f"pbxbilling {__version__} {use}",
        "statement_timeout": str(int((limit_s or 0) * _MS)),
        "idle_in_transaction_session_timeout": str(int(IDLE_S * _MS)) if limit_s else "0",
        **(_READING if reads else {}),
    }
    command_s = limit_s + _BEYOND_S if limit_s else None

    async def connect(*_: object, **__: object) -> asyncpg.Connection:
        return await _opened(url, command_s, settings, reads=reads)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, **pool)
    _watch(engine)
    return engine


def _watch(engine: AsyncEngine) -> None:
    """Keep a connection that is of no more use out of the pool."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def on_error(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, TimeoutError):
            context.is_disconnect = True

    @event.listens_for(engine.sync_engine, "checkout")
    def on_checkout(connection: Any, _record: object, _proxy: object) -> None:
        # No question to the server: what it has closed, this process has heard of meanwhile.
        if connection.driver_connection.is_closed():
            raise DisconnectionError("the server has closed this connection")


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that ends soon, whether its server answers or not."""

    def __init__(self, protocol: Any, transport: Any, *more: Any) -> None:
        super().__init__(protocol, transport, *more)
        end = transport.get_extra_info("socket")
        if end is not None and end.family != socket.AF_UNIX:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _TCP.items():
                end.setsockopt(socket.IPPROTO_TCP, option, value)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """Say goodbye, or end the connection without."""
        with suppress(TimeoutError):  # then it has been aborted
            await super().close(timeout=CLOSE_S if timeout is None else min(timeout, CLOSE_S))


async def _opened(
    url: PostgresUrl, command_s: float | None, settings: Mapping[str, str], *, reads: bool
) -> asyncpg.Connection:
    """Open a connection to the first server that is the wanted one.

    asyncpg has one limit for all servers of a url together: one that is silent would use it up, and
    the others would never be asked.
    """
    _check_files(url)
    open_s = max(OPEN_S / max(len(url.hosts), 1), _OPEN_LEAST_S)
    faults: list[Exception] = []
    for hosts, session in _attempts(url, reads=reads):
        try:
            return await asyncpg.connect(
                _tls(url),
                host=[host for host, _ in hosts] or None,
                port=[port for _, port in hosts] or None,
                user=url.user or None,
                password=url.password or None,
                database=url.database,
                target_session_attrs=session or None,
                timeout=open_s,
                command_timeout=command_s,
                server_settings=dict(settings),
                connection_class=_Connection,
            )
        except _NEXT as fault:
            faults.append(fault)
    # That one is away says more than that another one is a standby.
    faults.sort(key=lambda fault: isinstance(fault, _NOT_THIS))
    raise faults[0]


_NOT_THIS = asyncpg.exceptions.TargetServerAttributeNotMatched
_NEXT = (OSError, asyncpg.CannotConnectNowError, _NOT_THIS)


def _attempts(url: PostgresUrl, *, reads: bool) -> Iterator[tuple[Sequence[tuple[str, int]], str]]:
    """Yield which servers to try, and what they must be.

    A connection that asks for reads alone is never a "read-write" one, on whichever server.
    """
    wanted = [url.session]
    if url.session == "prefer-standby":
        wanted = ["standby", "any"]
    elif url.session == "read-write" and reads:
        wanted = ["primary"]
    for session in wanted:
        if not url.hosts:
            yield (), session
        for host in url.hosts:
            yield (host,), session


def _check_files(url: PostgresUrl) -> None:
    """Raise ClientConfigurationError with the name of a file for TLS that cannot be read.

    The error that the driver would raise names no file, as that of an absent socket.
    """
    for key, path in url.files:
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            fault = f"{key}={path}: {error.strerror}"
            raise asyncpg.exceptions.ClientConfigurationError(fault) from error


def _tls(url: PostgresUrl) -> str:
    """Return a url of nothing but how to encrypt: its files have no parameter of their own."""
    query = urlencode([("sslmode", url.tls), *url.files] if url.tls else url.files)
    return f"postgresql://?{query}"

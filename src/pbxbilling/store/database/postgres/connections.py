"""Opens connections to a PostgreSQL server: one to write, some to read, each with its limits.

A limit is the server's where it has one (a statement, an idle transaction), and the driver's where
the server may be gone (opening, a command without an answer).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from pbxbilling import __version__
from pbxbilling.runtime.database_url import PostgresUrl

READERS = 4
OPEN_S = 5.0
WRITE_S = 5.0
READ_S = 60.0  # a report over years
IDLE_S = 10.0  # in a transaction
_BEYOND_S = 2.0  # the driver waits for so much longer than the server works

_MS = 1000
_READING = {
    "default_transaction_isolation": "repeatable read",  # one snapshot a transaction
    "default_transaction_read_only": "on",
}


def writer_engine(url: PostgresUrl, *, patient: bool = False) -> AsyncEngine:
    """Return an engine of one connection that writes; if it is `patient`, without limits."""
    limit_s = None if patient else WRITE_S
    return _engine(url, "writer", limit_s, {}, pool_size=1, max_overflow=0)


def reader_engine(url: PostgresUrl) -> AsyncEngine:
    """Return an engine of `READERS` connections; each transaction reads one snapshot."""
    return _engine(url, "reader", READ_S, _READING, pool_size=READERS, max_overflow=0)


def onlooker_engine(url: PostgresUrl, *, patient: bool) -> AsyncEngine:
    """Return an engine that opens a connection for each snapshot; `patient`: without limits."""
    limit_s = None if patient else READ_S
    return _engine(url, "reader", limit_s, _READING, poolclass=NullPool)


def single_engine(url: PostgresUrl, use: str, limit_s: float | None) -> AsyncEngine:
    """Return an engine that opens a connection for each use; None: no limit of its statements."""
    return _engine(url, use, limit_s, {}, poolclass=NullPool)


def _engine(
    url: PostgresUrl, use: str, limit_s: float | None, more: Mapping[str, str], **pool: Any
) -> AsyncEngine:
    settings = {
        "application_name": f"pbxbilling {__version__} {use}",
        "statement_timeout": str(int((limit_s or 0) * _MS)),
        "idle_in_transaction_session_timeout": str(int(IDLE_S * _MS)) if limit_s else "0",
        **more,
    }

    async def connect(*_: object, **__: object) -> asyncpg.Connection:
        return await asyncpg.connect(
            _tls(url),
            host=[host for host, _ in url.hosts] or None,
            port=[port for _, port in url.hosts] or None,
            user=url.user or None,
            password=url.password or None,
            database=url.database,
            target_session_attrs=url.session or None,
            timeout=OPEN_S,
            command_timeout=limit_s + _BEYOND_S if limit_s else None,
            server_settings=settings,
        )

    return create_async_engine("postgresql+asyncpg://", async_creator=connect, **pool)


def _tls(url: PostgresUrl) -> str:
    """Return a url of nothing but how to encrypt: its files have no parameter of their own."""
    from urllib.parse import urlencode

    query = urlencode([("sslmode", url.tls), *url.files] if url.tls else url.files)
    return f"postgresql://?{query}"

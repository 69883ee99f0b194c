"""Opens connections to the database file: one pool to write, one to read, and their settings."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from pbxbilling.store.database.connections import ONE_QUERY

BUSY_TIMEOUT_MS = 5000
READERS = 2

# FULL: a commit that was reported as done survives a power cut.
WRITER_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}")
READER_PRAGMAS = ("query_only=ON", f"busy_timeout={BUSY_TIMEOUT_MS}")


def writer_engine(path: Path) -> AsyncEngine:
    """Return an engine of one connection; its transactions take the write lock as they begin."""
    return _engine(path, WRITER_PRAGMAS, begin="BEGIN IMMEDIATE", size=1)


def reader_engine(path: Path) -> AsyncEngine:
    """Return an engine of `READERS` connections; each transaction reads one snapshot."""
    return _engine(path, READER_PRAGMAS, begin="BEGIN", size=READERS)


def migration_engine(path: Path, *, begin: str = "BEGIN IMMEDIATE") -> Engine:
    """Return an engine for a migration, usable in any thread."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args=_BEGIN_BY_HAND)
    settle(engine, WRITER_PRAGMAS, begin)
    return engine


def onlooker_engine(path: Path) -> AsyncEngine:
    """Return an engine whose transactions read one snapshot, by a file that it cannot write."""
    engine = create_async_engine(_url(path, "ro"), poolclass=NullPool, connect_args=_BEGIN_BY_HAND)
    settle(engine.sync_engine, READER_PRAGMAS, "BEGIN")
    return engine


def _url(path: Path, mode: str) -> URL:
    query = {"mode": mode, "uri": "true"}
    return URL.create("sqlite+aiosqlite", database=path.absolute().as_uri(), query=query)


# Disables the driver's own BEGIN, which comes late: never before a read or a CREATE TABLE.
_BEGIN_BY_HAND = {"isolation_level": None}


def _engine(path: Path, pragmas: tuple[str, ...], *, begin: str, size: int) -> AsyncEngine:
    # The migration made the file: if it has been removed since, do not create an empty one.
    engine = create_async_engine(
        _url(path, "rw"),
        pool_size=size,
        max_overflow=0,
        connect_args=_BEGIN_BY_HAND,
    )
    settle(engine.sync_engine, pragmas, begin)
    return engine


def settle(engine: Engine, pragmas: tuple[str, ...], begin: str) -> None:
    """Give each connection of an engine its settings, and each transaction its beginning."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if not ONE_QUERY.items() <= connection.get_execution_options().items():
            connection.exec_driver_sql(begin)

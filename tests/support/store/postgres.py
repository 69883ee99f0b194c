"""Databases of a PostgreSQL server that the process shares: each a copy of an empty one."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import subprocess
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from pbxbilling.runtime.database_url import PostgresUrl
from pbxbilling.store import schema
from pbxbilling.store.database.postgres.server import PostgresDatabase
from rig import provision
from rig.postgres import PASSWORD, READER, Postgres
from rig.provision import UnprovisionedError
from rig.waiting import patience_s

_EMPTY, _SHARED = "empty", "shared"
_NUMBERS = count(1)
_IN_USE: set[PostgresUrl] = set()


@contextmanager
def new_database(*, empty: bool = False) -> Iterator[PostgresUrl]:
    """Give a database with today's tables, or without any; skip the test without PostgreSQL."""
    server = _server()
    name, template = f"test{next(_NUMBERS)}", "template0" if empty else _EMPTY
    server.create(name, f"TEMPLATE {template} STRATEGY file_copy")
    try:
        yield server.url(name)
    finally:
        server.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def emptied_database() -> Iterator[PostgresUrl]:
    """Give the database that tests share one after the other, with nothing in its tables.

    It takes a tenth of the time of a new one, which a test gets that needs a second one.
    """
    url = _server().url(_SHARED)
    if url in _IN_USE:
        with new_database() as another:
            yield another
        return
    _elsewhere(_empty(url))
    _IN_USE.add(url)
    try:
        yield url
    finally:
        _IN_USE.remove(url)


async def _empty(url: PostgresUrl) -> None:
    (host, port), *_ = url.hosts
    connection = await asyncpg.connect(
        host=host, port=port, user=url.user, password=url.password, database=url.database
    )
    try:
        names = [table.name for table in schema.metadata.sorted_tables]
        await connection.execute(";".join(f'DELETE FROM "{name}"' for name in names))
        for table in schema.metadata.sorted_tables:
            if (number := table.autoincrement_column) is not None:
                sequence = "pg_get_serial_sequence($1, $2)"
                of = (table.name, number.name)
                await connection.execute(f"SELECT setval({sequence}, 1, false)", *of)
    finally:
        await connection.close()


def _elsewhere(work: Coroutine[Any, Any, None]) -> None:
    """Run it in another thread: this one may have a loop already."""
    with ThreadPoolExecutor(1) as other:
        other.submit(asyncio.run, work).result()


def recreate(url: PostgresUrl) -> None:
    """Put an empty database in the place of one that nobody uses any more, as the guide does."""
    server, name = _server(), url.database
    server.execute("postgres", f"DROP DATABASE {name}")
    server.create(name)
    server.make_roles(name)


def run(command: Sequence[str]) -> None:
    """Run one of PostgreSQL's programs as an operator does, with the password."""
    environment = {**os.environ, "PGPASSWORD": PASSWORD, "PATH": f"{provision.postgres()}"}
    subprocess.run(command, env=environment, check=True, timeout=patience_s(60))


def execute(url: PostgresUrl, *statements: str) -> str:
    """Run statements in such a database; return the rows in lines."""
    return _server().execute(url.database, *statements)


def as_reader(url: PostgresUrl) -> PostgresUrl:
    """Return the url of such a database, with tables, for the role that only reads."""
    return replace(url, user=READER)


def make_roles(url: PostgresUrl) -> None:
    """Run the script for roles and grants in such a database."""
    _server().make_roles(url.database)


class ReadByReader(PostgresDatabase):
    """Writes as the daemon's role, and reads as the one that only reads."""

    def __init__(self, url: PostgresUrl) -> None:
        super().__init__(url)
        self._reading = PostgresDatabase(as_reader(url))

    def reader(self) -> AsyncEngine:
        return self._reading.reader()

    def onlooker(self, *, patient: bool = False) -> AsyncEngine:
        return self._reading.onlooker(patient=patient)


def dump(url: PostgresUrl) -> list[str]:
    """Return all rows as text, with the name of their table, in the order of their keys.

    Without those that are of the writer alone, and never the same.
    """
    of_the_writer = (schema.lease, schema.commit_number)
    tables = [table for table in schema.metadata.sorted_tables if table not in of_the_writer]
    keys = [", ".join(map('"{}"'.format, table.primary_key.columns.keys())) for table in tables]
    queries = [
        f"""SELECT '"{table.name}"', * FROM "{table.name}" ORDER BY {key}"""
        for table, key in zip(tables, keys, strict=True)
    ]
    return execute(url, *queries).splitlines()


def rows(url: PostgresUrl, query: str, *values: str) -> list[dict[str, Any]]:
    """Return the rows of a query, which has a question mark for each value."""
    for value in values:
        query = query.replace("?", f"$${value}$$", 1)
    found = execute(url, f"SELECT row_to_json(found) FROM ({query}) AS found")
    return [json.loads(line) for line in found.splitlines()]


def _server() -> Postgres:
    try:
        return _started()
    except UnprovisionedError as reason:
        pytest.skip(str(reason))


@contextmanager
def folder_of_servers() -> Iterator[Path]:
    """Give a folder that a server's user may enter: each run of pytest closes the one for all."""
    folder = _folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _folder() -> Path:
    folder = Path(mkdtemp(prefix="postgres-"))
    folder.chmod(0o755)
    return folder


@cache
def _started() -> Postgres:
    folder = _folder()
    server = Postgres(folder / "server").start()
    atexit.register(_end, server, folder)
    server.create(_EMPTY)
    server.make_roles(_EMPTY)  # before there are tables, as on a site
    _elsewhere(PostgresDatabase(server.url(_EMPTY)).prepare(create=True))
    server.create(_SHARED, f"TEMPLATE {_EMPTY}")
    return server


def _end(server: Postgres, folder: Path) -> None:
    server.stop()
    shutil.rmtree(folder)

"""PostgreSQL in place of SQLite: rows, the start, and a hook whose record is committed.

**Rows.** As in the row of the store, against asyncpg's `executemany` of the same upserts in the
same groups, each in a transaction; both on one server that loses nothing in a crash.

**Start.** As in the row of growth: the daemon's CPU time until it answers commands.

**Hook session.** As in the row of the hook, but with the store behind the queue: the CPU time of
the whole process, with commits to PostgreSQL against commits to a file.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from bench.growth import fill, starts
from bench.hook import server_process, trial, two_cores
from bench.measure import Row, compare, within
from bench.store_rows import LIMIT, raw_rows, raw_upsert, since, us_a_row
from pbxbilling.runtime.database_url import PostgresUrl, SqliteUrl
from pbxbilling.store.database.postgres.server import PostgresDatabase
from rig.postgres import Postgres
from tests.support.daemon.virtual_site import VirtualSite

START_S = 4.0


def measure() -> list[Row]:
    """Return the rows of the table."""
    with TemporaryDirectory(prefix="bench-") as folder:
        directory = Path(folder)
        directory.chmod(0o755)  # the server runs as a user of its own
        with Postgres(directory / "server", safe=True) as server:
            return [_rows(server), _start(server, directory), _hook(server, directory)]


def _new(server: Postgres, name: str) -> PostgresUrl:
    server.execute("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    server.create(name)
    return server.url(name)


def _rows(server: Postgres) -> Row:
    def ours() -> float:
        return asyncio.run(us_a_row(PostgresDatabase(_new(server, "ours"))))

    def raw() -> float:
        return asyncio.run(_raw(_new(server, "raw")))

    name = "store on PostgreSQL: a row committed, against raw asyncpg"
    return compare(name, ours, raw, unit="µs", limit=LIMIT)


async def _raw(url: PostgresUrl) -> float:
    await PostgresDatabase(url).prepare(create=True)
    (host, port), *_ = url.hosts
    connection = await asyncpg.connect(
        host=host, port=port, user=url.user, password=url.password, database=url.database
    )
    try:
        upsert, groups = raw_upsert(lambda number: f"${number}"), raw_rows()
        await connection.executemany(upsert, groups[0])
        began = time.perf_counter()
        for group in groups[1:]:
            async with connection.transaction():
                await connection.executemany(upsert, group)
        return since(began)
    finally:
        await connection.close()


def _start(server: Postgres, directory: Path) -> Row:
    url = _new(server, "start")
    with VirtualSite(directory, place=url) as site:
        asyncio.run(fill(PostgresDatabase(url)))
        taken_s = starts(site)
    return within("start with 100,000 tenants on PostgreSQL", taken_s, START_S, unit="s")


def _hook(server: Postgres, directory: Path) -> Row:
    urls = _new(server, "hook"), SqliteUrl(directory / "hook.db")
    with two_cores() as (first, _), ExitStack() as stack:
        on_postgres, on_sqlite = (
            stack.enter_context(server_process(url.text, first)) for url in urls
        )
        return compare(
            "hook session and its commit, PostgreSQL against SQLite, CPU",
            trial(on_postgres),
            trial(on_sqlite),
            unit="µs",
        )

"""A PostgreSQL server fails under a counting daemon, which judges on: nothing is lost or doubled.

All faults meet the same daemon, one after the other.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from pbxbilling.runtime.database_url import PostgresUrl
from pbxbilling.store.database.postgres.server import PostgresDatabase
from rig.postgres import Postgres
from rig.proxy import Proxy
from rig.waiting import until
from tests.support.daemon.store_fault import (
    ACCOUNTS,
    DECISIONS,
    LEGS,
    fill,
    judged,
    mended,
    reported,
    unserved,
)
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store.postgres import folder_of_servers

pytestmark = pytest.mark.system

DATABASE = "site"
ON_RECORD = """
SELECT (SELECT count(*) FROM leg WHERE answered_at IS NOT NULL AND ended_at IS NOT NULL),
    (SELECT count(*) FROM call), (SELECT count(*) FROM decision)
"""


class Counts(NamedTuple):
    """What is on record."""

    legs: int
    calls: int
    decisions: int

    def after_a_fault(self) -> Counts:
        return Counts(self.legs + LEGS, self.calls + LEGS, self.decisions + DECISIONS)


class Ground:
    """A server, a daemon on it, and a PBX; `proxy`: what is between the two, if anything."""

    proxy: Proxy

    def __init__(self, server: Postgres, site: VirtualSite, database: str) -> None:
        self.server = server
        self.site = site
        self.database = database

    def counts(self) -> Counts:
        found = self.server.execute(self.database, ON_RECORD)
        return Counts(*map(int, found.split("|")))

    def end_connections_of(self, use: str) -> None:
        self.server.execute(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{self.database}' AND application_name LIKE '%{use}'",
        )

    def nothing_is_lost_or_doubled(self, before: Counts) -> None:
        mended(self.site, 30.0)
        assert self.counts() == before.after_a_fault()

    def through(self, fault: str, begin: Callable[[], object], end: Callable[[], object]) -> None:
        """Run calls through a fault, end it, and count."""
        before, recovered = self.counts(), self.site.log().count("store recovered")
        begin()
        try:
            judged(self.site)
            reported(self.site, fault, 25.0)
        finally:
            end()
        self.nothing_is_lost_or_doubled(before)
        assert self.site.log().count("store recovered") > recovered


@contextmanager
def a_daemon_on(server: Postgres, directory: Path, place: PostgresUrl) -> Iterator[Ground]:
    with VirtualSite(directory, sections="[decisions]\nadmissions = true\n", place=place) as site:
        site.start()
        site.apply(ACCOUNTS)
        yield Ground(server, site, place.database)
        site.stop()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with folder_of_servers() as folder:
        yield folder


@pytest.fixture(scope="module")
def disk(folder: Path) -> Iterator[Path]:
    """Provide a file system of 40 MB for the tables alone: without its log a server stops."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.fixture(scope="module")
def ground(folder: Path, disk: Path) -> Iterator[Ground]:
    with ExitStack() as held:
        server = held.enter_context(Postgres(folder / "server", safe=True))
        tables = server.owned(disk / "tables")
        server.execute("postgres", f"CREATE TABLESPACE small LOCATION '{tables}'")
        server.create(DATABASE, "TEMPLATE template0 TABLESPACE small")
        proxy = held.enter_context(Proxy(("127.0.0.1", server.port)))
        place = replace(server.url(DATABASE), hosts=(proxy.address,))
        made = held.enter_context(a_daemon_on(server, folder, place))
        made.proxy = proxy
        yield made


def test_a_full_disk_there(ground: Ground, disk: Path) -> None:
    filler = disk / "filler"
    # A table without a page needs one.
    ground.server.execute(ground.database, "TRUNCATE call, leg, decision")
    ground.through("the server's disk is full", lambda: fill(filler), filler.unlink)


def test_a_server_that_is_stopped(ground: Ground) -> None:
    ground.through("cannot be reached", ground.server.stop, ground.server.start)


def test_a_server_that_crashes(ground: Ground) -> None:
    ground.through("cannot be reached", ground.server.stop_at_once, ground.server.start)


def test_a_server_that_stands_still(ground: Ground) -> None:
    ground.through("does not answer", ground.server.freeze, ground.server.thaw)


def test_a_network_that_is_cut_while_a_commit_is_answered(ground: Ground) -> None:
    def lose() -> None:
        ground.proxy.lose_answer_to(b"COMMIT", of=b" writer", refuse=True)

    ground.through("cannot be reached", lose, ground.proxy.resume)


def test_a_network_that_swallows_everything(ground: Ground) -> None:
    ground.through("does not answer", ground.proxy.stall, ground.proxy.resume)


@contextmanager
def locked(ground: Ground, table: str) -> Iterator[None]:
    """Hold a lock that no writer of that table gets past."""
    loop = asyncio.new_event_loop()
    url = ground.server.url(ground.database)
    ((host, port),) = url.hosts
    other = loop.run_until_complete(
        asyncpg.connect(
            host=host, port=port, user=url.user, password=url.password, database=url.database
        )
    )
    try:
        loop.run_until_complete(other.execute(f"BEGIN; LOCK TABLE {table}"))
        yield
    finally:
        loop.run_until_complete(other.close())
        loop.close()


def test_a_table_that_somebody_has_locked(ground: Ground) -> None:
    with ExitStack() as held:
        ground.through(
            "took too long: look for locks",
            lambda: held.enter_context(locked(ground, "leg")),
            held.close,
        )


def test_a_newer_schema_behind_a_new_connection(ground: Ground) -> None:
    """Somebody has upgraded meanwhile: this daemon writes nothing there, and says which it is."""
    (known,) = ground.server.execute(
        ground.database, "SELECT version_num FROM alembic_version"
    ).splitlines()

    def become(schema: str) -> None:
        change = f"UPDATE alembic_version SET version_num = '{schema}'"
        ground.server.execute(ground.database, change)

    def upgrade() -> None:
        become("9999")
        ground.end_connections_of("writer")

    before = ground.counts()

    def downgrade() -> None:
        assert ground.counts() == before
        become(known)

    ground.through("has schema 9999, newer than this program's", upgrade, downgrade)


def test_a_daemon_stops_without_its_server_and_says_why_it_does_not_start(ground: Ground) -> None:
    site, before = ground.site, ground.counts()
    ground.proxy.stall()
    try:
        site.stop()
    finally:
        ground.proxy.resume()
    ground.server.stop()
    unserved(site, "cannot be reached: check that its server runs")
    ground.server.start()
    site.start()
    judged(site)
    ground.nothing_is_lost_or_doubled(before)


# --- failover ------------------------------------------------------------------------------------

_PAIR = {"synchronous_standby_names": "*", "wal_level": "replica"}


def test_a_standby_that_is_promoted(folder: Path) -> None:
    """The primary is lost; it has answered no commit that the standby does not have."""
    with ExitStack() as held:
        primary = held.enter_context(Postgres(folder / "primary", safe=True))
        primary.create(DATABASE)
        asyncio.run(PostgresDatabase(primary.url(DATABASE)).prepare(create=True))
        standby = held.enter_context(Postgres(folder / "standby", safe=True, of=primary))
        primary.execute("postgres", *(f"ALTER SYSTEM SET {k} = '{v}'" for k, v in _PAIR.items()))
        primary.execute("postgres", "SELECT pg_reload_conf()")
        until(lambda: synchronous(primary), "the standby is synchronous", 20.0)
        hosts = (("127.0.0.1", primary.port), ("127.0.0.1", standby.port))
        place = replace(primary.url(DATABASE), hosts=hosts, session="read-write")
        (folder / "failover").mkdir()
        ground = held.enter_context(a_daemon_on(standby, folder / "failover", place))
        before = ground.counts()

        def alone_it_is_refused() -> None:
            primary.stop_at_once()
            database = PostgresDatabase(replace(place, hosts=hosts[1:]))
            with pytest.raises(Exception, match="promote a standby, or name the primary"):
                asyncio.run(database.revisions())

        ground.through("cannot be reached", alone_it_is_refused, standby.promote)
        assert ground.counts() == before.after_a_fault()


def synchronous(primary: Postgres) -> bool:
    return primary.execute("postgres", "SELECT sync_state FROM pg_stat_replication") == "sync"

"""A site moves to PostgreSQL and back: it answers the same, and counts on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from pbxbilling.runtime.database_url import DatabaseUrl, PostgresUrl, SqliteUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from rig.postgres import PASSWORD
from rig.program import Program
from rig.waiting import patience_s, until
from tests.support.billing.records import copy_of, saved
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store.database import MAKES, create, database_of, rows
from tests.support.store.postgres import execute, new_database
from tests.support.store.records import ended_leg

pytestmark = pytest.mark.system

ACCOUNTS = '[plan.wide]\n[tenant.acme]\nplan = "wide"\naccountcodes = ["acme"]\n'
BILLED = ended_leg("1.1", month="2026-01")


async def keep(place: DatabaseUrl) -> None:
    async with await SqlStore.open(database_at(place)) as store:
        await store.commit([BILLED, saved("2026-01"), copy_of(BILLED)])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VirtualSite]:
    """Yield a site on SQLite that has counted some calls and runs."""
    with VirtualSite(tmp_path) as site:
        create(site.place)
        asyncio.run(keep(site.place))
        site.start()
        site.apply(ACCOUNTS)
        talk(site, 3)
        yield site


def talk(site: VirtualSite, calls: int) -> None:
    """Place calls, and let each run to its end."""
    before = legs(site)
    placed = [site.call("acme", talk_s=0.1) for _ in range(calls)]
    assert all(call.result(patience_s(20)).admitted for call in placed)
    until(lambda: legs(site) == before + calls, "the legs are stored", 20.0)


def legs(site: VirtualSite) -> int:
    return len(rows(site.place, "SELECT uniqueid FROM leg WHERE ended_at IS NOT NULL"))


def answers(site: VirtualSite) -> dict[str, Any]:
    """Return what commands say of the ledger."""
    named = {
        "usage": ["usage"],
        "january": ["usage", "--month", "2026-01"],
        "statements": ["statements", "--month", "2026-01"],
        "tenants": ["tenants"],
        "plans": ["plans"],
    }
    return {name: site.json(*words) for name, words in named.items()}


def move(site: VirtualSite, place: DatabaseUrl, to: str, **env: str) -> dict[str, Any]:
    """Copy the database of a stopped site, start it on the copy, and return what was copied."""
    ran = site.run("database", "copy", site.place.text, to, "--json", env=env)
    assert ran.returncode == 0, ran.stderr
    site.place = place
    site.write_config()
    site.start()
    return dict(rows(place, "SELECT count(*) AS legs FROM leg")[0])


def test_a_site_goes_to_postgresql_and_back(site: VirtualSite, tmp_path: Path) -> None:
    before = answers(site)
    assert all(before.values())
    with new_database(empty=True) as server:
        refusal = site.fails("database", "copy", site.place.text, server.text)
        assert f"is in use by process {site.pid}: if that is the daemon, stop it" in refusal
        site.stop()

        to = server.with_password("").text
        assert move(site, server, to, PGPASSWORD=PASSWORD) == {"legs": 4}
        assert answers(site) == before
        talk(site, 2)
        counted = answers(site)
        assert counted["usage"] != before["usage"]

        back = SqliteUrl(tmp_path / "back.db")
        refusal = site.fails("database", "copy", to, back.text)
        assert f"is in use by process {site.pid} on" in refusal
        refusal = site.fails("database", "copy", f"sqlite:///{tmp_path}/pbxbilling.db", to)
        assert f"is in use by process {site.pid} on" in refusal
        assert PASSWORD not in refusal
        site.stop()
        # The configuration has this url, and its password.
        ran = site.run("database", "copy", to, back.text)
        assert "a copy of" in ran.stdout, ran.stderr
        site.place = back
        site.write_config()
        site.start()
        assert answers(site) == counted
        talk(site, 1)
        site.stop()


ENDLESS = {
    "sqlite": "CREATE TRIGGER endless AFTER INSERT ON leg BEGIN SELECT count(*) FROM (WITH"
    " RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n); END",
    "postgresql": "CREATE FUNCTION endless() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;"
    " CREATE TRIGGER endless BEFORE INSERT ON leg FOR EACH ROW EXECUTE FUNCTION endless()",
}


@pytest.mark.parametrize("make", MAKES)
def test_no_daemon_starts_on_a_copy_that_was_killed(site: VirtualSite, make: str) -> None:
    site.stop()
    with new_database() if make == "postgresql" else database_of(make, site.directory) as target:
        change(target, ENDLESS[make])
        words = ["database", "copy", site.place.text, target.text]
        copying = Program(words, {"PATH": "/bin"}, site.directory / "copy.log")
        until(lambda: busy(target), "rows of the table `leg` are being written", 20.0)
        copying.send_signal(SIGKILL)
        copying.wait(patience_s(10))
        calm(target)
        source, site.place = site.place, target
        site.write_config()
        for command in (["serve"], ["apply", str(site.directory / "accounts.toml")], ["tenants"]):
            refused = site.run(*command)
            assert refused.returncode == 1
            assert "is an unfinished copy: run `pbxbilling database copy` into" in refused.stderr
        site.says("database", "copy", source.text, target.text)
        site.start()
        assert site.json("usage", "--month", "2026-01")
        site.stop()


def change(place: DatabaseUrl, statement: str) -> None:
    if isinstance(place, PostgresUrl):
        execute(place, statement)
    else:
        with closing(sqlite3.connect(place.path)) as database:
            database.execute(statement)


def calm(place: DatabaseUrl) -> None:
    """End what the killed process had begun, and let rows pass again."""
    if isinstance(place, PostgresUrl):
        execute(
            place,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        )
    on = " ON leg" if isinstance(place, PostgresUrl) else ""
    change(place, f"DROP TRIGGER endless{on}")


def busy(place: DatabaseUrl) -> bool:
    """Return whether a copy has come to the table that takes no end."""
    if isinstance(place, PostgresUrl):
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        return execute(place, sleeping) == "1"
    return bool(rows(place, "SELECT name FROM cursor"))  # the last table before it with rows

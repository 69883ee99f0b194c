"""A restored copy of a running database, plus the journal since: the same ledger."""

from __future__ import annotations

import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbxbilling.runtime.database_url import DatabaseUrl, PostgresUrl, SqliteUrl
from rig.postgres import PASSWORD
from rig.waiting import patience_s, until
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store import postgres
from tests.support.store.database import rows

pytestmark = pytest.mark.system

ACCOUNTS = """
[plan.wide]
[tenant.acme]
plan = "wide"
accountcodes = ["acme"]
[tenant.globex]
plan = "wide"
accountcodes = ["globex"]
"""
APART_S = patience_s(0.1)  # between the journal's instants and ours
Ledger = dict[str, tuple[str | None, float]]


@pytest.fixture
def site(tmp_path: Path, place: DatabaseUrl) -> Iterator[VirtualSite]:
    """Run a daemon that reads the journal of its PBX."""
    with VirtualSite(tmp_path, journal=True, place=place) as site:
        site.start()
        site.apply(ACCOUNTS)
        yield site


def ledger(database: DatabaseUrl) -> Ledger:
    """Return the answered and ended trunk legs: Uniqueid → tenant and seconds."""
    query = (
        "SELECT uniqueid, tenant, talk_us FROM leg"
        " WHERE answered_at IS NOT NULL AND ended_at IS NOT NULL"
    )
    found = map(dict, rows(database, query))
    return {leg["uniqueid"]: (leg["tenant"], leg["talk_us"] / 1e6) for leg in found}


def talk(site: VirtualSite, calls: int) -> None:
    """Place calls of both tenants, all at once, and let each run to its end."""
    placed = [site.call(("acme", "globex")[n % 2], talk_s=0.1 + n / 10) for n in range(calls)]
    assert all(call.result(patience_s(20)).admitted for call in placed)


def back_up(site: VirtualSite, copy: Path) -> None:
    """Copy the database while the daemon runs, by the program that `backup` names for it."""
    if isinstance(site.place, SqliteUrl):
        assert str(copy) in site.says("backup", str(copy))
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        return
    refusal = site.fails("backup", str(copy))
    assert PASSWORD not in refusal
    named = re.search(r"`(pg_dump .*)`", refusal)
    assert named is not None
    postgres.run(shlex.split(named[1]))


def put_back(copy: Path, place: DatabaseUrl) -> None:
    """Restore a copy as the guides describe."""
    if isinstance(place, PostgresUrl):
        postgres.recreate(place)
        postgres.run(["pg_restore", "--exit-on-error", "--dbname", place.conninfo, str(copy)])
        return
    database = place.path
    for end in ("", "-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    copy.rename(database)


def test_a_copy_put_back_and_the_journal_give_the_same_ledger(
    site: VirtualSite, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    talk(site, 4)
    lasting = [site.call("acme", talk_s=60), site.call("globex", talk_s=60)]
    site.up(2)
    back_up(site, copy)
    talk(site, 4)
    site.idle()
    assert all(call.result(patience_s(10)).admitted for call in lasting)
    site.stop()
    full = ledger(site.place)
    assert len(full) == 4 + 2 + 4

    put_back(copy, site.place)
    assert len(ledger(site.place)) <= 4
    site.start()
    until(lambda: len(ledger(site.place)) >= len(full), "the journal is read", 30.0)
    site.stop()
    again = ledger(site.place)
    assert {leg: tenant for leg, (tenant, _) in again.items()} == {
        leg: tenant for leg, (tenant, _) in full.items()
    }
    for leg, (_, talk_s) in full.items():
        assert again[leg][1] == pytest.approx(talk_s, abs=APART_S)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_copy_is_made_without_a_daemon_and_never_over_a_file(
    site: VirtualSite, tmp_path: Path
) -> None:
    talk(site, 2)
    site.stop()
    copy = tmp_path / "copy.db"
    site.says("backup", str(copy))
    assert ledger(SqliteUrl(copy)) == ledger(site.place)
    assert "the file exists" in site.fails("backup", str(copy))

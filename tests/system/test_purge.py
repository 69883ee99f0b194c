"""The purge as operators see it: counted first, run by hand or at night, usage unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from signal import SIGKILL
from zipfile import ZipFile

import pytest

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.kernel.records import Record
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from rig.waiting import until
from tests.support.billing.records import copy_of, saved
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store.records import call, decision, ended_leg
from tests.support.telemetry.scrape import sample

pytestmark = pytest.mark.system

ACCOUNTS = "[plan.free]\n[tenant.acme]\n"
OLD = SystemClock().now() - timedelta(days=500)
BILLED = ended_leg("1.1", started_at=OLD, answered_at=OLD, ended_at=OLD, month="2025-01")
UNBILLED = ended_leg("1.2", started_at=OLD, ended_at=OLD, month="2025-01", talk_us=7)


def old_rows() -> list[Record]:
    """Return a leg on a statement and one that is on none, their call, and an old refusal."""
    final = saved("2025-01", begins=OLD - timedelta(days=9), ends=OLD + timedelta(days=9))
    over = call(started_at=OLD, ended_at=OLD)
    return [BILLED, UNBILLED, final, copy_of(BILLED), over, decision(at=OLD)]


async def keep(site: VirtualSite, records: list[Record]) -> None:
    async with await SqlStore.open(database_at(site.place)) as store:
        await store.commit(records)


@pytest.fixture
def site(tmp_path: Path, shared_place: DatabaseUrl) -> Iterator[VirtualSite]:
    """Yield a site without a daemon, and rows of 500 days ago."""
    with VirtualSite(tmp_path, place=shared_place) as site:
        site.apply(ACCOUNTS)
        asyncio.run(keep(site, old_rows()))
        yield site


def test_a_dry_run_counts_and_a_purge_takes_what_no_statement_needs(site: VirtualSite) -> None:
    usage = site.json("usage", "--month", "2025-01")
    due = {"legs": 1, "calls": 1, "decisions": 1}
    dry = site.json("purge", "--dry-run")
    assert {what: rows for what, rows in dry["rows"].items() if rows} == due | {
        "leg_numbers": 1, "call_numbers": 1, "decision_numbers": 1,
    }  # fmt: skip
    assert "nothing was purged" in site.says("purge", "--dry-run")
    done = site.json("purge")
    assert {what: rows for what, rows in done["rows"].items() if rows} == due
    assert (done["purged"], done["complete"]) == (True, True)
    assert not any(site.json("purge")["rows"].values())
    assert site.json("usage", "--month", "2025-01") == usage
    assert site.json("decisions") == []


def test_a_daemon_that_slept_through_the_night_purges_at_its_start(site: VirtualSite) -> None:
    site.start()
    until(lambda: '"purged: ' in site.log(), "the purge ran", 15)
    assert not any(site.json("purge", "--dry-run")["rows"].values())
    assert len(site.json("usage", "--month", "2025-01")) == 1


def test_what_is_held_is_handed_out_and_forgotten_when_nothing_needs_it(site: VirtualSite) -> None:
    site.start()
    file = site.directory / "acme.zip"
    told = site.json("tenant", "export-data", "acme", str(file))
    assert told["rows"]["leg"] >= 1
    with ZipFile(file) as archive:
        assert b"acme" in archive.read("tenant.jsonl")
    assert "exists" in site.fails("tenant", "export-data", "acme", str(file))
    assert "is active" in site.fails("tenant", "forget", "acme")
    site.apply(ACCOUNTS + 'status = "cancelled"\n')
    assert "not closed" in site.fails("tenant", "forget", "acme")


def test_the_figures_are_shown_and_scraped(site: VirtualSite) -> None:
    site.apply('[plan.free]\nprice = "29.00"\ncurrency = "EUR"\n[tenant.acme]\n')
    site.start()
    (euros,) = site.json("figures")["currencies"]
    assert (euros["currency"], euros["mrr"], euros["paying"]) == ("EUR", "29.00", 1)
    assert sample(site.http, "pbxbilling_mrr", currency="EUR") == 29
    assert site.json("figures", "reconcile", "--month", "2025-01") == []


def legs_to_purge(site: VirtualSite) -> int:
    return int(site.json("purge", "--dry-run")["rows"]["legs"])


def test_a_killed_purge_is_continued(site: VirtualSite) -> None:
    legs = [replace(BILLED, key=ChannelKey("main", f"9.{n}")) for n in range(1500)]
    asyncio.run(keep(site, [*legs, *(copy_of(one) for one in legs)]))
    usage = site.json("usage", "--month", "2025-01")
    site.start()
    until(lambda: legs_to_purge(site) < 1501, "it is under way, or done", 30)
    site.stop(SIGKILL)
    assert site.json("usage", "--month", "2025-01") == usage
    site.start()
    until(lambda: legs_to_purge(site) == 0, "it went on", 30)
    assert site.json("usage", "--month", "2025-01") == usage

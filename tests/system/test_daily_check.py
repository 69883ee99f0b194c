"""The daily check as operators see it: by hand, after a sleep, at its hour, after a reload."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from signal import SIGHUP

import pytest

from pbxbilling.runtime.clock import SystemClock
from rig.waiting import until
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.telemetry.scrape import sample

pytestmark = pytest.mark.system

ACCOUNTS = """
[plan.free]
[tenant.acme]
status = "trial"
"""
AT_ONCE = "billing.trial_days = 0\nbilling.grace_days = 0\n"  # periods that end as they begin


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VirtualSite]:
    """Yield a site without a daemon, and a tenant whose trial and grace window are over."""
    with VirtualSite(tmp_path) as site:
        site.write_config(AT_ONCE)
        site.apply(ACCOUNTS)
        yield site


def runs(site: VirtualSite) -> int:
    return int(sample(site.http, "pbxbilling_daily_checks_total", result="ok"))


def actors(site: VirtualSite) -> list[str]:
    return [row["actor"] for row in site.json("tenant", "show", "acme")["audit"]]


def test_a_dry_run_prints_and_the_run_books_once_where_no_daemon_runs(site: VirtualSite) -> None:
    dry = site.json("daily-check", "--dry-run")
    turns = [(turn["turn"], turn["before"], turn["after"]) for turn in dry["turns"]]
    assert turns == [
        ("trial_ended", "trial", "grace_period"),
        ("grace_ended", "grace_period", "read_only"),
    ]
    assert (dry["booked"], dry["last"]) == (False, None)
    assert "nothing was written: --dry-run" in site.says("daily-check", "--dry-run")
    assert "grace_ended" in site.says("daily-check")
    assert site.says("daily-check") == "no turns due\n"
    assert [actor.split(" (")[0] for actor in actors(site)[:2]] == ["daily check"] * 2


def test_a_night_that_was_slept_through_is_caught_up_once(site: VirtualSite) -> None:
    site.start()
    until(lambda: runs(site) == 1, "the check caught up", 10)
    assert site.json("tenants")[0]["blocks"] == ["trial"]
    caught_up = site.json("daily-check", "--dry-run")["last"]
    site.stop()
    site.start()
    again = site.json("daily-check", "--dry-run")
    assert (again["last"], runs(site)) == (caught_up, 0)
    assert actors(site)[:2] == ["daily check", "daily check"]
    assert len(actors(site)) == 3


def test_a_reload_moves_the_hour(site: VirtualSite) -> None:
    site.start()
    until(lambda: runs(site) == 1, "the check caught up", 10)
    soon = SystemClock().now() + timedelta(seconds=2)
    site.write_config(f"{AT_ONCE}billing.daily_check = {soon:%H:%M:%S}\n")
    site.signal(SIGHUP)
    until(lambda: runs(site) == 2, "the check ran at its new hour", 15)
    assert site.json("daily-check")["last"] >= f"{soon:%Y-%m-%dT%H:%M:%S}"

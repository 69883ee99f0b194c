"""One daemon a database of PostgreSQL, as processes: refused, killed, frozen, replaced, stopped."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

import pytest

from pbxbilling.runtime.database_url import PostgresUrl
from rig.waiting import until
from tests.support.daemon.virtual_site import VirtualSite
from tests.support.store.postgres import execute, new_database, rows

pytestmark = pytest.mark.system

ACCOUNTS = '[plan.basic]\nmax_calls = 5\n[tenant.acme]\nplan = "basic"\n'
LEDGER = (
    "SELECT * FROM call ORDER BY call",
    "SELECT * FROM leg ORDER BY uniqueid",
    "SELECT * FROM decision ORDER BY id",
    "SELECT * FROM audit ORDER BY id",
)


class Standby(VirtualSite):
    """A second daemon of the same PBX and database, with doors of its own."""

    def __init__(self, first: VirtualSite, directory: Path) -> None:
        directory.mkdir()
        super().__init__(directory, place=first.place)
        self.first = first
        self.pbx = first.pbx
        self.write_config()

    def ends(self) -> None:
        self.stop()
        self._loop.close()


@pytest.fixture
def place() -> Iterator[PostgresUrl]:
    with new_database() as url:
        yield url


@pytest.fixture
def first(place: PostgresUrl, tmp_path: Path) -> Iterator[VirtualSite]:
    with VirtualSite(tmp_path, place=place) as site:
        site.start()
        site.apply(ACCOUNTS)
        yield site


@pytest.fixture
def second(first: VirtualSite, tmp_path: Path) -> Iterator[Standby]:
    standby = Standby(first, tmp_path / "second")
    yield standby
    standby.ends()


def lease(place: PostgresUrl) -> dict[str, Any]:
    (found,) = rows(
        place,
        "SELECT epoch, process,"
        " until > extract(epoch FROM clock_timestamp()) * 1000000 AS held FROM lease",
    )
    return found


def ledger(place: PostgresUrl) -> list[list[dict[str, Any]]]:
    return [rows(place, query) for query in LEDGER]


def test_a_second_daemon_and_offline_commands_are_refused_with_the_holders_name(
    first: VirtualSite, second: Standby, place: PostgresUrl
) -> None:
    name = f"in use by process {first.pid} on {socket.gethostname()}"
    refused = second.run("serve", "-c", str(second.config))
    assert refused.returncode == 1
    assert name in refused.stderr
    assert "else end that process" in refused.stderr
    for words in (("tenant", "suspend", "acme"), ("apply", str(first.directory / "accounts.toml"))):
        assert name in second.fails(*words)
    assert "acme" in second.says("tenants")  # who only reads is not refused
    assert lease(place)["epoch"] == 1
    assert first.json("status")["ready"]


def test_a_killed_daemon_is_not_waited_for(
    first: VirtualSite, second: Standby, place: PostgresUrl
) -> None:
    first.stop(SIGKILL)
    execute(place, "UPDATE lease SET until = until + 3600000000")
    second.start()
    held = lease(place)
    assert (held["epoch"], held["process"].split()[0]) == (2, str(second.pid))


def test_a_stop_in_order_frees_it_at_once(
    first: VirtualSite, second: Standby, place: PostgresUrl
) -> None:
    first.stop()
    assert not lease(place)["held"]
    second.says("tenant", "suspend", "acme")
    assert not lease(place)["held"]
    second.start()
    assert lease(place)["epoch"] == 3


def test_a_frozen_daemon_is_replaced_and_writes_nothing_more(
    first: VirtualSite, second: Standby, place: PostgresUrl
) -> None:
    first.call("acme", talk_s=3600.0)
    (live,) = first.up(1)
    until(lambda: rows(place, "SELECT 1 FROM leg WHERE answered_at IS NOT NULL"), "it is on record")
    first.signal(SIGSTOP)
    until(lambda: not lease(place)["held"], "the lease is over", 20.0)
    second.start()
    assert [call["call"] for call in second.up(1)] == [live["call"]]  # taken over, not begun anew
    first.hang_up()
    second.none_live()
    until(lambda: rows(place, "SELECT 1 FROM leg WHERE ended_at IS NOT NULL"), "its end is there")
    second.stop()
    kept = ledger(place)

    first.signal(SIGCONT)  # the end of the call waits in its socket
    assert first.ended() == 1
    assert "has another daemon since: this one was away for more than 10 s" in first.log()
    assert ledger(place) == kept
    assert [len(found) for found in kept[:2]] == [1, 1]
    assert (lease(place)["epoch"], lease(place)["held"]) == (2, False)

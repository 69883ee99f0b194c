"""Faults under traffic: afterwards live calls are Asterisk's, and the ledger equals its journal."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from signal import SIGKILL

import pytest

from pbxbilling.runtime.database_url import DatabaseUrl
from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.proxy import Proxy
from rig.waiting import until
from tests.support.calls.audit import BEFORE_A_KILL_S, JournalSince, Kill, differences, ledger_legs
from tests.support.daemon.daemon import ACCOUNTS, Daemon
from tests.support.daemon.traffic import Traffic

pytestmark = pytest.mark.asterisk

ROUNDS = 10


class Site:
    """A daemon beside an Asterisk with traffic, its AMI link through a proxy."""

    def __init__(
        self,
        asterisk: Asterisk,
        directory: Path,
        stack: ExitStack,
        seed: int,
        place: DatabaseUrl | None = None,
    ) -> None:
        self.asterisk = asterisk
        self.seed = seed
        self.rng = Random(seed)
        self.kills: list[Kill] = []
        asterisk.journal.unlink(missing_ok=True)  # a daemon without a position reads all of it
        self.journal = JournalSince(asterisk.journal)
        self.proxy = stack.enter_context(Proxy(asterisk.ami))
        daemon = Daemon(asterisk, directory, journal=True, ami=self.proxy.address, place=place)
        self.daemon = stack.enter_context(daemon)
        self.daemon.apply(ACCOUNTS)
        self.traffic = Traffic(asterisk, directory, stack)

    def kill_the_daemon(self) -> None:
        """Kill it at a random moment, for a random while: calls begin and end unseen."""
        time.sleep(self.rng.uniform(0.2, 1.5))
        self.daemon.stop(SIGKILL)
        time.sleep(self.rng.uniform(0.0, 1.0))
        self.daemon.start()

    def cut_the_link(self) -> None:
        """Cut the link for ten seconds."""
        self.proxy.refuse()
        self.traffic.go_on(10.0)
        self.proxy.resume()
        self.until_true()

    def silence_the_peer(self) -> None:
        """Silence the peer until that is detected."""
        self.proxy.stall()
        until(lambda: not self.daemon.pbx()["connected"], "the silence is found out", 20.0)
        self.proxy.resume()
        self.until_true()

    def kill_asterisk(self) -> None:
        """Kill Asterisk with all its calls."""
        self.traffic.go_on(1.0)
        self._kill_asterisk()
        self.until_true()
        self.traffic.begin()

    def kill_asterisk_unheard(self) -> None:
        """Kill Asterisk with the link down for so long that its last message is no estimate."""
        self.proxy.refuse()
        self.traffic.go_on(BEFORE_A_KILL_S + 2)
        self._kill_asterisk()
        self.proxy.resume()
        self.until_true()
        self.traffic.begin()

    def _kill_asterisk(self) -> None:
        sent = time.time()
        self.asterisk.kill()
        self.kills.append(Kill(sent, time.time()))
        self.traffic.abandon()
        self.asterisk.start()
        self.asterisk.set_global("PBXBILLING_HOOK", self.daemon.hook)

    def until_true(self) -> None:
        """Return when the fault is over: the link is up, and the counts are correct."""
        until(lambda: self.daemon.pbx()["connected"], "the link is up again", 60.0)
        until(lambda: self.daemon.get("/status")["ready"], "the counts are reliable again")

    def settle(self) -> None:
        """End the traffic and compare the daemon's data with Asterisk's."""
        self.traffic.end()
        with contextlib.suppress(TimeoutError):
            until(lambda: self.counted() == self.listed(), "the counts are Asterisk's", 20.0)
        assert self.counted() == self.listed()
        assert self.counted()  # the calls that last
        self.asterisk.hang_up_all()
        self.daemon.wait_idle()
        with contextlib.suppress(TimeoutError):
            until(lambda: not self.differences(), "the ledger agrees with the journal", 20.0)
        assert self.differences() == [], f"seed {self.seed}"
        legs = ledger_legs(self.daemon.legs()).values()
        usage = self.daemon.get("/usage")
        calls = {row["tenant"]: row["outbound_calls"] for row in usage if row["outbound_calls"]}
        assert calls == Counter(leg.tenant for leg in legs)

    def differences(self) -> list[str]:
        """Return the differences of the ledger and the journal."""
        ledger = ledger_legs(self.daemon.legs())
        return differences(ledger, self.journal.legs(), self.kills)

    def counted(self) -> set[str]:
        """Return the channels of live calls."""
        return {leg["uniqueid"] for call in self.daemon.calls() for leg in call["legs"]}

    def listed(self) -> set[str]:
        """Return the channels that Asterisk lists."""
        with Ami(self.asterisk.ami) as ami:
            return {row["Uniqueid"] for row in ami.channels()}


@pytest.fixture
def site(asterisk: Asterisk, tmp_path: Path) -> Iterator[Site]:
    seed = Random().randrange(1 << 32)
    with ExitStack() as stack:
        yield Site(asterisk, tmp_path, stack, seed)


def test_ten_kills_of_the_daemon_lose_and_double_nothing(
    asterisk: Asterisk, tmp_path: Path, place: DatabaseUrl
) -> None:
    with ExitStack() as stack:
        site = Site(asterisk, tmp_path, stack, Random().randrange(1 << 32), place)
        for _ in range(ROUNDS):
            site.kill_the_daemon()
        site.settle()
        acme = [leg for leg in ledger_legs(site.daemon.legs()).values() if leg.tenant == "acme"]
        shown = site.daemon.get("/tenants/acme/statements/preview")
        assert len(shown["legs"]) == len(acme) > 0


def test_a_link_that_is_cut_loses_and_doubles_nothing(site: Site) -> None:
    site.cut_the_link()
    site.settle()


def test_a_silent_peer_loses_and_doubles_nothing(site: Site) -> None:
    site.silence_the_peer()
    site.settle()


def test_the_legs_of_a_killed_asterisk_end_at_its_last_proof_of_life(site: Site) -> None:
    site.kill_asterisk()
    site.settle()
    ends = {leg["witness"] for leg in site.daemon.legs()}
    assert ends - {"journal"} == {"live", "estimated"}  # the journal may show an earlier end


def test_the_legs_of_an_asterisk_that_died_unheard_end_at_its_journals_last_row(site: Site) -> None:
    site.kill_asterisk_unheard()
    site.settle()


@pytest.mark.soak
def test_a_hundred_kills_of_the_daemon_lose_and_double_nothing(site: Site) -> None:
    for _ in range(10 * ROUNDS):
        site.kill_the_daemon()
    site.settle()


@pytest.mark.soak
def test_faults_in_any_order_lose_and_double_nothing(site: Site) -> None:
    faults = (
        site.kill_the_daemon,
        site.cut_the_link,
        site.silence_the_peer,
        site.kill_asterisk,
        site.kill_asterisk_unheard,
    )
    for fault in site.rng.choices(faults, weights=(6, 1, 1, 2, 1), k=ROUNDS * 3):
        fault()
    site.settle()

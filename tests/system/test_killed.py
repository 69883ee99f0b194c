"""Faults under traffic: afterwards live calls are Asterisk's, and the ledger is its journal's."""

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

from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.proxy import Proxy
from rig.waiting import until
from tests.support.audit import JournalSince, differences, ledger_legs
from tests.support.daemon import ACCOUNTS, Daemon
from tests.support.traffic import Traffic

pytestmark = pytest.mark.asterisk

ROUNDS = 10


class Site:
    """A daemon beside an Asterisk with traffic, its AMI link through a proxy."""

    def __init__(self, asterisk: Asterisk, directory: Path, stack: ExitStack, seed: int) -> None:
        self.asterisk = asterisk
        self.seed = seed
        self.rng = Random(seed)
        self.journal = JournalSince(asterisk.journal)
        self.proxy = stack.enter_context(Proxy(asterisk.ami))
        daemon = Daemon(asterisk, directory, journal=True, ami=self.proxy.address)
        self.daemon = stack.enter_context(daemon)
        self.daemon.apply(ACCOUNTS)
        self.traffic = Traffic(asterisk, directory, stack)

    def kill_the_daemon(self) -> None:
        """At a random moment, for a random while: calls live and end that nobody saw."""
        time.sleep(self.rng.uniform(0.2, 1.5))
        self.daemon.stop(SIGKILL)
        time.sleep(self.rng.uniform(0.0, 1.0))
        self.daemon.start()

    def settle(self) -> None:
        """End the traffic and hold what the daemon knows against what Asterisk knows."""
        self.traffic.end()
        until(lambda: self.counted() == self.listed(), "Asterisk's channels are counted", 30.0)
        assert self.counted()  # the calls that last
        self.asterisk.hang_up_all()
        self.daemon.wait_idle()
        with contextlib.suppress(TimeoutError):
            until(lambda: not self.differences(), "the ledger agrees with the journal", 20.0)
        assert self.differences() == [], f"seed {self.seed}"
        legs = self.journal.legs().values()
        usage = self.daemon.ask("usage", tenant=None, month=None)
        calls = {row["tenant"]: row["outbound_calls"] for row in usage if row["outbound_calls"]}
        assert calls == Counter(leg.tenant for leg in legs)

    def differences(self) -> list[str]:
        """Between the ledger and the journal."""
        return differences(ledger_legs(self.daemon.legs()), self.journal.legs())

    def counted(self) -> set[str]:
        """The channels of live calls."""
        return {leg["uniqueid"] for call in self.daemon.calls() for leg in call["legs"]}

    def listed(self) -> set[str]:
        """The channels that Asterisk has."""
        with Ami(self.asterisk.ami) as ami:
            return {row["Uniqueid"] for row in ami.channels()}


@pytest.fixture
def site(asterisk: Asterisk, tmp_path: Path) -> Iterator[Site]:
    seed = Random().randrange(1 << 32)
    with ExitStack() as stack:
        yield Site(asterisk, tmp_path, stack, seed)


def test_ten_kills_of_the_daemon_lose_and_double_nothing(site: Site) -> None:
    for _ in range(ROUNDS):
        site.kill_the_daemon()
    site.settle()


@pytest.mark.soak
def test_a_hundred_kills_of_the_daemon_lose_and_double_nothing(site: Site) -> None:
    for _ in range(10 * ROUNDS):
        site.kill_the_daemon()
    site.settle()

"""Unseen ends on a real Asterisk: unproven time is not billed, and is listed.

The daemon reads no journal here (or none that helps); Asterisk's own is the reference.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from rig.asterisk import Asterisk
from rig.leg import Leg
from rig.proxy import Proxy
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.calls.audit import AGREEMENT_S, JournalSince
from tests.support.daemon.daemon import Daemon
from tests.support.daemon.stage import Stage

CALLS = 3
ABSENT_S = 8.0


class Watched:
    """Three live calls under a daemon, and Asterisk's own record of them."""

    def __init__(self, asterisk: Asterisk, directory: Path, stack: ExitStack, **how: Any) -> None:
        self.journal = JournalSince(asterisk.journal)
        self.stage = Stage(asterisk, directory, stack, **how)
        self.daemon: Daemon = self.stage.daemon
        self.daemon.apply((directory / "accounts.toml").read_text())
        self.legs: list[Leg] = [self.stage.phone.dial(MOBILE) for _ in range(CALLS)]
        until(lambda: len(self.daemon.legs()) == CALLS, "all answers are on record")

    def end_all(self) -> None:
        """End the calls on the PBX."""
        for leg in self.legs:
            leg.hang_up()
        until(self._over, "the journal has every end")

    def _over(self) -> bool:
        ends = [leg.ended_at for leg in self.journal.legs().values()]
        return len(ends) == CALLS and None not in ends

    def billed(self) -> dict[str, float]:
        """Return the billed seconds of each leg, once all have ended."""
        until(lambda: len(self.daemon.answered()) == CALLS, "all legs are closed", 40.0)
        return {leg["uniqueid"]: leg["talk_us"] / 1e6 for leg in self.daemon.legs()}

    def assert_nothing_unproven_is_billed(self) -> None:
        """Check that no leg is billed beyond Asterisk's record, and unbilled time is listed."""
        truth = self.journal.legs()
        billed = self.billed()
        for uniqueid, seconds in billed.items():
            leg = truth[uniqueid]
            assert leg.ended_at is not None
            assert seconds <= leg.ended_at - leg.answered_at + AGREEMENT_S
        listed = self.daemon.get("/usage/estimated")
        assert {row["leg"] for row in listed} == {f"pbx1:{uniqueid}" for uniqueid in billed}
        assert all(row["tenant"] == "acme" for row in listed)


@pytest.fixture
def accounts_file(tmp_path: Path) -> None:
    (tmp_path / "accounts.toml").write_text(
        '[plan.unlimited]\n[tenant.acme]\nplan = "unlimited"\naccountcodes = ["acme"]\n'
    )


pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("accounts_file")]


def test_calls_that_end_while_a_daemon_without_a_journal_is_dead(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    watched = Watched(asterisk, tmp_path, stack)
    watched.stage.scene.talk()
    watched.daemon.stop(SIGKILL)
    watched.end_all()
    time.sleep(ABSENT_S)
    watched.daemon.start()
    watched.assert_nothing_unproven_is_billed()
    assert watched.daemon.corrections()["closed"] >= CALLS


def test_calls_that_end_while_the_link_is_cut(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    proxy = stack.enter_context(Proxy(asterisk.ami))
    watched = Watched(asterisk, tmp_path, stack, ami=proxy.address)
    proxy.refuse()
    watched.end_all()
    time.sleep(ABSENT_S)
    proxy.resume()
    watched.assert_nothing_unproven_is_billed()


def test_calls_of_a_pbx_that_is_let_go(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    watched = Watched(asterisk, tmp_path, stack)
    named = watched.daemon.config.read_text()
    away = named.replace('name = "pbx1"', 'name = "away"').replace("port = 5038", "port = 1")
    watched.daemon.config.write_text(away)
    watched.daemon.reload()
    watched.end_all()
    watched.assert_nothing_unproven_is_billed()


def test_calls_that_end_while_a_daemon_is_dead_whose_journal_has_another_form(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack
) -> None:
    foreign = tmp_path / "foreign.csv"
    foreign.write_text('"CHAN_START","2026-11-28 08:02:19","1795852919.2"\n')
    watched = Watched(asterisk, tmp_path, stack, journal=foreign)
    assert watched.daemon.pbx()["journal"] == "unreadable"
    watched.daemon.stop(SIGKILL)
    watched.end_all()
    time.sleep(ABSENT_S)
    watched.daemon.start()
    watched.assert_nothing_unproven_is_billed()

"""Wall clocks stepped by an hour while calls live, on the real daemon and Asterisk."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from signal import SIGKILL

import pytest

from rig import provision
from rig.asterisk import Asterisk
from rig.leg import Leg
from rig.proxy import Proxy
from rig.scene import MOBILE
from rig.settings import Settings
from rig.site import claimed_block
from rig.waiting import patience_s, until
from rig.wallclock import WallClock
from tests.support.calls.audit import JournalSince, differences, ledger_legs
from tests.support.daemon.stage import Stage, accounts

pytestmark = pytest.mark.asterisk

HOUR_S = 3600
SEEN_EARLY = {"adopted"}  # a busy Asterisk lists a channel before it reports it
AGREES_S = patience_s(0.2)  # between the phone's clock and Asterisk's


def wall_clock(directory: Path, seen_as: Path | None = None) -> WallClock:
    """Return a clock that can be stepped, or skip the test."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        return WallClock(directory, seen_as)
    except provision.UnprovisionedError as reason:
        pytest.skip(f"no clock to step: {reason}")


class Talks:
    """Calls of acme, which may have two, and the true talk time of each."""

    def __init__(self, stage: Stage, proxy: Proxy) -> None:
        self.stage, self.daemon, self.proxy = stage, stage.daemon, proxy
        self.daemon.apply(accounts("pair"))
        self.talked_s: list[float] = []
        self._begun = 0

    def begin(self) -> tuple[Leg, float]:
        """Place a call; return when it is answered and on record."""
        self._begun += 1
        call, began = self.stage.phone.dial(MOBILE), time.monotonic()
        until(lambda: len(self.daemon.legs()) == self._begun, "the answer is on record")
        return call, began

    def end(self, call: Leg, began: float) -> None:
        """Hang up; return when that is on record."""
        call.hang_up()
        self.talked_s.append(time.monotonic() - began)
        until(lambda: len(self.seconds()) == len(self.talked_s), "the end is on record")

    def seconds(self) -> list[float]:
        """Return the billed seconds."""
        return [seconds for _, _, seconds in self.daemon.answered()]

    def relogin(self) -> None:
        """Cut the link; return when the counts are correct again."""
        before = self.logins()
        self.proxy.cut()
        until(lambda: self.logins() > before, "the link is up again", 30.0)
        until(lambda: self.daemon.get("/status")["ready"], "the counts are reliable")

    def logins(self) -> int:
        """Return how often the link was reported up."""
        return len(self.daemon.logged("link up"))


@pytest.mark.parametrize("ahead_s", [-HOUR_S, HOUR_S])
def test_our_clock_is_stepped_in_the_middle_of_calls(
    asterisk: Asterisk, tmp_path: Path, stack: ExitStack, ahead_s: int
) -> None:
    clock = wall_clock(tmp_path / "clock")
    asterisk.journal.unlink(missing_ok=True)
    journal = JournalSince(asterisk.journal)
    proxy = stack.enter_context(Proxy(asterisk.ami))
    stage = Stage(
        asterisk, tmp_path, stack,
        ami=proxy.address, journal=True, environment=clock.environment,
    )  # fmt: skip
    talks, daemon = Talks(stage, proxy), stage.daemon
    first, second = talks.begin(), talks.begin()
    clock.step_to(ahead_s)
    talks.relogin()
    assert len(daemon.calls()) == 2
    assert stage.refused_with() == 486
    talks.end(*first)
    third = talks.begin()
    daemon.stop(SIGKILL)  # its marks are of another time than the next start
    clock.step_to(0)
    daemon.start()
    assert len(daemon.calls()) == 2
    assert stage.refused_with() == 486
    talks.end(*second)
    talks.end(*third)
    daemon.wait_idle()
    assert talks.seconds() == pytest.approx(talks.talked_s, abs=AGREES_S)
    assert differences(ledger_legs(daemon.legs()), journal.legs()) == []
    assert daemon.corrections().keys() <= SEEN_EARLY


def test_the_pbxs_clock_is_stepped_in_the_middle_of_calls(tmp_path: Path, stack: ExitStack) -> None:
    directory = tmp_path / "asterisk"
    clock = wall_clock(directory, seen_as=Path("/rig"))
    told = Settings(hook="127.0.0.1:1", environment=clock.environment)
    block = stack.enter_context(claimed_block())
    asterisk = stack.enter_context(Asterisk(provision.ASTERISK_22, directory, block, told))
    proxy = stack.enter_context(Proxy(asterisk.ami))
    stage = Stage(asterisk, tmp_path, stack, ami=proxy.address, journal=True)
    talks, daemon = Talks(stage, proxy), stage.daemon
    for ahead_s in (HOUR_S, 0, -HOUR_S):
        kept, left = talks.begin(), talks.begin()
        clock.step_to(ahead_s)
        talks.relogin()
        assert len(daemon.calls()) == 2
        assert stage.refused_with() == 486
        talks.end(*left)
        talks.end(*kept)
    daemon.wait_idle()
    assert sorted(talks.seconds()) == pytest.approx(sorted(talks.talked_s), abs=AGREES_S)
    assert daemon.metric("pbxbilling_clock_disagreements_total") == 6
    assert daemon.corrections().keys() <= SEEN_EARLY

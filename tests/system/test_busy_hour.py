"""Many answered calls on a real Asterisk: the ledger equals its journal, leg by leg."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from rig import sipp
from rig.asterisk import Asterisk
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.calls.audit import JournalSince, differences, ledger_legs
from tests.support.daemon.daemon import ACCOUNTS, Daemon

pytestmark = pytest.mark.asterisk


def play(asterisk: Asterisk, directory: Path, *, calls: int, per_s: int, talk_s: float) -> None:
    """Run that many answered calls, and compare the ledger with the journal."""
    block = asterisk.block
    with ExitStack() as stack:
        asterisk.journal.unlink(missing_ok=True)
        journal = JournalSince(asterisk.journal)
        daemon = stack.enter_context(Daemon(asterisk, directory, journal=True))
        daemon.apply(ACCOUNTS)
        stack.enter_context(sipp.answer(directory / "carrier", block.carrier()))
        caller = sipp.call(
            directory / "caller",
            block.pbx,
            block.phone("acme"),
            MOBILE,
            count=calls,
            per_s=per_s,
            hold_s=talk_s,
        )
        finals = stack.enter_context(caller).finish(calls / per_s + talk_s + 60)
        assert finals == {200: calls}
        daemon.wait_idle()
        until(lambda: len(journal.legs()) == calls, "the journal has every leg", 20.0)
        assert differences(ledger_legs(daemon.legs()), journal.legs()) == []


def test_two_hundred_answered_calls_are_the_journals(asterisk: Asterisk, tmp_path: Path) -> None:
    play(asterisk, tmp_path, calls=200, per_s=50, talk_s=1.0)


@pytest.mark.soak
def test_a_minute_of_fifty_answered_calls_a_second_is_the_journals(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    play(asterisk, tmp_path, calls=3000, per_s=50, talk_s=10.0)

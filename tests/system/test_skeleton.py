"""Twenty at once at a limit of five, from SIPp through a real Asterisk to the daemon."""

from pathlib import Path

import pytest

from rig import sipp
from rig.asterisk import Asterisk
from tests.support.daemon.daemon import ACCOUNTS, Daemon

pytestmark = pytest.mark.asterisk

ROUNDS = 20
LIMITED = ACCOUNTS.replace('[tenant.acme]\nplan = "unlimited"', '[tenant.acme]\nplan = "five"')


def test_of_twenty_at_once_five_are_answered_and_fifteen_get_486(
    each_asterisk: Asterisk, tmp_path: Path
) -> None:
    with Daemon(each_asterisk, tmp_path) as daemon:
        daemon.apply(LIMITED)
        _one_round(daemon, tmp_path / "round")


def test_the_last_slot_is_given_once_in_every_round(asterisk: Asterisk, tmp_path: Path) -> None:
    _rounds(asterisk, tmp_path, ROUNDS)


@pytest.mark.soak
def test_the_last_slot_is_given_once_in_fifty_rounds(asterisk: Asterisk, tmp_path: Path) -> None:
    _rounds(asterisk, tmp_path, 50)


def _rounds(asterisk: Asterisk, tmp_path: Path, rounds: int) -> None:
    with Daemon(asterisk, tmp_path) as daemon:
        daemon.apply(LIMITED)
        for number in range(rounds):
            _one_round(daemon, tmp_path / str(number))


def _one_round(daemon: Daemon, directory: Path) -> None:
    pbx, block = daemon.asterisk.block.pbx, daemon.asterisk.block
    before = len(daemon.answered())
    with sipp.answer(directory / "carrier", block.carrier()):
        caller = block.phone("acme")
        with sipp.call(directory / "caller", pbx, caller, "0155501", count=20, hold_s=1) as calls:
            calls.await_count("final", 20)
            assert calls.finals() == {200: 5, 486: 15}
            assert [call["tenant"] for call in daemon.calls()] == ["acme"] * 5
            calls.finish()
    daemon.wait_idle()
    answered = daemon.answered()[before:]
    assert [leg[:2] for leg in answered] == [("acme", "outbound")] * 5

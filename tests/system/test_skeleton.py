"""Twenty at once at a limit of five, from SIPp through a real Asterisk to a hook.

The hook here is `rig.hook`, which counts to five: this shows what the rig and the dialplan make of
its verdicts. It says nothing of the daemon's own counting.
"""

import itertools
from pathlib import Path

import pytest

from rig import sipp
from rig.asterisk import Asterisk
from rig.hook import Environment, Hook, Owners, refuse

pytestmark = pytest.mark.asterisk


class FirstFive:
    """Admits five calls, and refuses every one after them."""

    def __init__(self) -> None:
        self._asked = itertools.count(1)
        self._admit = Owners()

    def __call__(self, request: Environment) -> str:
        return self._admit(request) if next(self._asked) <= 5 else refuse(request)


def test_of_twenty_at_once_five_are_answered_and_fifteen_get_486(
    each_asterisk: Asterisk, tmp_path: Path
) -> None:
    pbx, block = each_asterisk.block.pbx, each_asterisk.block
    with Hook(FirstFive()) as hook, sipp.answer(tmp_path / "carrier", block.carrier()) as carrier:
        each_asterisk.set_global("PBXBILLING_HOOK", hook.address)
        caller = block.phone("acme")
        with sipp.call(tmp_path / "caller", pbx, caller, "0155501", count=20, hold_s=1) as calls:
            calls.await_count("final", 20)
            assert calls.finals() == {200: 5, 486: 15}
            assert each_asterisk.channel_count() == 10
            calls.finish()
        assert len(carrier.happenings("answered")) == 5

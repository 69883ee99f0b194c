"""Phones that dial line breaks, on a real Asterisk: no other call is affected, theirs count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from rig.asterisk import Asterisk
from rig.forgeries import NAMES, forged
from rig.leg import Leg
from rig.phone import Phone
from rig.scene import MOBILE
from rig.site import Endpoint
from rig.waiting import until
from tests.support.daemon.stage import PLANS, Stage, accounts

pytestmark = pytest.mark.asterisk


@pytest.fixture
def stage(each_asterisk: Asterisk, tmp_path: Path) -> Iterator[Stage]:
    each_asterisk.journal.unlink(missing_ok=True)  # contains earlier calls
    with ExitStack() as stack:
        stage = Stage(each_asterisk, tmp_path, stack, journal=True)
        stage.daemon.apply(accounts("unlimited"))
        yield stage


def channels(call: dict[str, Any]) -> list[tuple[str, str]]:
    return [(leg["uniqueid"], leg["state"]) for leg in call["legs"]]


class Victim:
    """A call of acme that lives while others dial."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.leg: Leg = stage.phone.dial(MOBILE)
        self.before = until(self._up, "both legs are up")
        self.trunk: str = next(leg["uniqueid"] for leg in self._call()["legs"] if leg["trunk"])

    def _call(self) -> dict[str, Any]:
        (call,) = (call for call in self.stage.daemon.calls() if call["tenant"] == "acme")
        return call

    def _up(self) -> list[tuple[str, str]]:
        found = channels(self._call())
        return found if [state for _, state in found] == ["up", "up"] else []

    def is_untouched(self) -> bool:
        return channels(self._call()) == self.before


@pytest.mark.parametrize("name", NAMES)
def test_a_forged_number_touches_nobody_else_and_is_counted_like_any(
    stage: Stage, name: str
) -> None:
    daemon, victim = stage.daemon, Victim(stage)
    globex = stage.scene.phone("globex")
    leg = globex.call(forged(name, victim.trunk))
    until(lambda: leg.state in {"up", "ended"}, "the call is answered or refused")
    if leg.state == "up":
        assert [call["tenant"] for call in daemon.calls()].count("globex") == 1
        leg.hang_up()
    until(lambda: len(daemon.calls()) == 1, "the forger's call has ended")
    assert victim.is_untouched()
    told = "pbxbilling_admission_decisions_total"
    assert daemon.metric(told, tenant="globex", verdict="admit", reason="ok") == 1
    victim.leg.hang_up()
    daemon.wait_idle()
    assert ("acme", "outbound") in [found[:2] for found in daemon.answered()]
    assert daemon.metric("pbxbilling_reconcile_corrections_total") == 0


def test_a_forger_is_refused_by_his_plan_like_anybody(stage: Stage) -> None:
    stage.daemon.apply(PLANS + '[tenant.globex]\nplan = "none"\n')
    leg = stage.scene.phone("globex").call(forged("event", "1.1"))
    assert leg.wait("ended").status == 486


def test_a_forged_caller_from_outside_affects_no_tenant(stage: Stage) -> None:
    victim = Victim(stage)
    with ExitStack() as stack:
        block = stage.daemon.asterisk.block
        stage.scene.phone("globex", answers=True)
        here = Endpoint(forged("event", victim.trunk), block.carrier(2).address)
        caller = stack.enter_context(Phone(here, block.pbx))
        leg = caller.call("+15550200")
        until(lambda: leg.state in {"up", "ended"}, "the call is answered or refused")
        assert victim.is_untouched()

"""Forwards of calls that come in, and the numbers of legs without a hook, on a real Asterisk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.scene import MOBILE, Scene
from tests.support.daemon.daemon import Daemon

pytestmark = pytest.mark.asterisk

ACCOUNTS = """
[plan.held]
max_outbound_calls = {limit}
included_minutes = 100
[[plan.held.destinations]]
prefix = "0155"
per_minute = "1.00"
[tenant.acme]
plan = "held"
accountcodes = ["acme"]
dids = ["+15550100"]
"""
CLICKED = """
[clicked]
exten => s,1,Dial(PJSIP/{number}@carrier)
"""


class Forwarding:
    """acme's phone forwards whatever it is called for to a mobile."""

    def __init__(self, asterisk: Asterisk, directory: Path, stack: ExitStack) -> None:
        self.stack, self.asterisk, self.directory = stack, asterisk, directory
        self.ami = stack.enter_context(Ami(asterisk.ami))
        self.scene = Scene(asterisk, self.ami, stack)
        self.carrier = self.scene.carrier()
        self.phone = self.scene.phone("acme", answers=True)

    def daemon(self, mode: str, limit: int) -> Daemon:
        daemon = self.stack.enter_context(Daemon(self.asterisk, self.directory, mode=mode))
        daemon.apply(ACCOUNTS.format(limit=limit))
        return daemon


@pytest.fixture
def site(asterisk: Asterisk, tmp_path: Path) -> Iterator[Forwarding]:
    with ExitStack() as stack:
        yield Forwarding(asterisk, tmp_path, stack)


def test_a_forward_is_refused_where_nothing_may_lead_outside(site: Forwarding) -> None:
    daemon = site.daemon("enforce", 0)
    site.phone.forwards = MOBILE
    site.carrier.call("+15550100").wait("ended")
    daemon.wait_idle()
    last = daemon.get("/decisions")[0]
    assert (last["direction"], last["outcome"], last["reason"]) == (
        "outbound", "refuse", "max_outbound_calls",
    )  # fmt: skip
    assert not site.carrier.incoming, "no trunk was tried"
    assert not daemon.answered()
    site.phone.forwards = ""
    leg = site.carrier.dial("+15550100")
    assert [call["direction"] for call in daemon.calls()] == ["inbound"], "what comes in stays free"
    leg.hang_up()


def test_log_mode_says_so_and_the_forward_goes_on(site: Forwarding) -> None:
    daemon = site.daemon("log", 0)
    site.phone.forwards = MOBILE
    leg = site.carrier.dial("+15550100")
    site.scene.talk()
    leg.hang_up()
    daemon.wait_idle()
    assert daemon.logged("[PLAN-LIMIT:log] would block", reason="max_outbound_calls")
    assert sorted(way for _, way, _ in daemon.answered()) == ["inbound", "outbound"]


def test_a_forward_holds_the_place_of_an_outbound_call_while_it_lives(site: Forwarding) -> None:
    daemon = site.daemon("enforce", 1)
    site.phone.forwards = MOBILE
    forwarded = site.carrier.dial("+15550100")
    other = site.scene.phone("acme", 2)
    refused = other.call(MOBILE).wait("ended")
    assert refused.status == 486
    forwarded.hang_up()
    daemon.wait_idle()
    other.dial(MOBILE).hang_up()


@pytest.mark.parametrize("originated", [True, False])
def test_a_leg_without_a_hook_is_rated_by_the_number_that_was_dialled(
    site: Forwarding, *, originated: bool
) -> None:
    daemon = site.daemon("enforce", 5)
    site.asterisk.add_dialplan(CLICKED.format(number=MOBILE))
    if originated:
        site.ami.action(
            "Originate", Channel="PJSIP/acme1", Context="clicked", Exten="s", Priority="1",
            Async="true",
        )  # fmt: skip
        site.scene.wait_up("PJSIP/carrier")
        (call,) = daemon.calls()
        assert (call["hooked"], call["to"], call["tenant"]) == (False, MOBILE, "acme")
        site.scene.talk()
        site.phone.incoming[0].hang_up()
    else:
        site.phone.dial("*6" + MOBILE).hang_up()
    daemon.wait_idle()
    legs = [leg for leg in daemon.legs() if leg["direction"] == "outbound"]
    assert [(leg["number"], leg["tenant"], leg["allowance_s"]) for leg in legs] == [
        (MOBILE, "acme", 0)
    ], "outside the included minutes, by its rate"

"""Cases of calls that go out or come in, each played on a site to its end."""

from __future__ import annotations

import time

from rig.frames import TRUNK_PREFIX
from rig.scene import MOBILE
from rig.waiting import until
from tests.support.setup.site import Site

DID = "+15550111"
FIRST = TRUNK_PREFIX + MOBILE
"""What the first trunk is asked for."""
OUT = ("acme", "outbound", MOBILE)
IN = ("acme", "inbound", DID)
DOWN = "503 Service Unavailable"


def outgoing_ended_by_the_caller(site: Site) -> None:
    """A call goes out; the phone hangs up."""
    leg = site.call()
    assert leg.status == 200
    site.scene.talk()
    leg.hang_up()
    assert site.invited() == [FIRST]
    assert site.billed() == [OUT]


def outgoing_ended_by_the_called(site: Site) -> None:
    """A call goes out; the far end hangs up."""
    assert site.call().status == 200
    site.scene.talk()
    site.trunks[0].incoming[0].hang_up()
    assert site.billed() == [OUT]


def failover(site: Site) -> None:
    """The first trunk is down: one call and one billed leg, however often the hook is asked."""
    site.trunks[0].refuses = DOWN
    leg = site.call()
    assert leg.status == 200
    site.await_live([("outbound", 1)])
    leg.hang_up()
    assert site.invited() == [FIRST, MOBILE]
    assert site.billed() == [OUT]
    asked = site.decisions()
    assert len(asked) == (2 if site.frame.asks_each_trunk else 1)
    assert len({decision["call"] for decision in asked}) == 1
    assert {(decision["number"], decision["outcome"]) for decision in asked} == {(MOBILE, "admit")}


def failover_within_limits_of_one(site: Site) -> None:
    """The same where one leg and one new call a second are all that the plan allows."""
    site.rules("max_trunk_legs = 1\nmax_calls_per_second = 1")
    time.sleep(1.1)  # the calls of the case before are no longer of the past second
    failover(site)


def busy(site: Site) -> None:
    """The number is busy: no second trunk, and the call is over."""
    site.trunks[0].refuses = "486 Busy Here"
    site.scene.phone("acme").call(MOBILE).wait("ended")
    assert site.invited() == [FIRST]
    assert site.billed() == []
    site.await_live([])


def refused(site: Site) -> None:
    """A refused call gets 486 before any answer, and no trunk is tried."""
    site.rules("max_calls = 0")
    assert site.call().status == 486
    (decision,) = site.decisions()
    assert (decision["tenant"], decision["reason"]) == ("acme", "max_calls")
    assert decision["number"] == MOBILE
    assert site.answers_before() == 0
    assert site.invited() == []
    assert site.billed() == []


def refused_inbound(site: Site) -> None:
    """A call that comes in and is refused: the carrier sees 486, and no phone rings."""
    site.rules("max_calls = 0")
    phone = site.scene.phone("acme")
    for trunk in site.trunks:
        assert trunk.call(DID).wait("ended").status == 486
    assert site.answers_before() == 0
    assert not phone.incoming
    assert site.reasons() == ["max_calls"] * 2
    assert site.billed() == []


def emergency(site: Site) -> None:
    """911 behind the trunk's prefix, at the limit and suspended, with the first trunk down."""
    site.rules("max_calls = 0")
    site.suspend()
    site.trunks[0].refuses = DOWN
    leg = site.call(number="911")
    assert leg.status == 200
    assert site.invited() == [TRUNK_PREFIX + "911", "911"]
    (call,) = site.daemon.calls()
    assert call["emergency"]
    leg.hang_up()
    assert set(site.reasons()) == {"emergency"}
    assert site.billed() == [("acme", "outbound", "911")]
    assert not site.daemon.legs()[-1]["billed_s"], "an emergency costs nothing"


def inbound(site: Site) -> None:
    """A call comes in and reaches its extension."""
    phone = site.scene.phone("acme")
    leg = site.trunks[0].call(DID)
    phone.wait_incoming().answer()
    leg.wait("up")
    site.scene.talk()
    site.await_live([("inbound", 1)])
    leg.hang_up()
    assert site.billed() == [IN]


def allowance_used_up(site: Site) -> None:
    """`block`, nothing left: a call out and a forward out are refused alike."""
    site.rules('included_minutes = 0\noverage = "block"')
    assert site.call().status == 486
    site.sets("CF", "12", f"{MOBILE}@{site.frame.home}/n")
    assert site.trunks[1].call("+15550112").wait("ended").status == 486
    assert [reason for reason in site.reasons() if reason != "ok"] == ["allowance"] * 2
    assert site.invited() == []
    assert site.billed() == []


def click_to_call_through_local(site: Site) -> None:
    """A program calls the extension through a Local channel, then the number: acme's call."""
    _clicked(site, f"Local/11@{site.frame.home}")


def click_to_call_of_a_phone(site: Site) -> None:
    """The same where it calls the phone itself."""
    _clicked(site, "PJSIP/acme1")


def click_to_call_of_a_suspended_tenant(site: Site) -> None:
    """Either way the suspended tenant's phone rings, and nobody outside does."""
    site.suspend()
    phone = site.scene.phone("acme", answers=True)
    for nth, channel in enumerate((f"Local/11@{site.frame.home}", "PJSIP/acme1"), 1):
        site.originates(channel, MOBILE)
        phone.wait_incoming(nth).wait("ended")
    assert site.reasons() == ["suspended"] * 2
    assert site.invited() == []
    assert site.billed() == []


def _clicked(site: Site, channel: str) -> None:
    phone = site.scene.phone("acme", answers=True)
    site.originates(channel, MOBILE)
    leg = phone.wait_incoming().wait("up")
    site.trunks[0].wait_incoming().wait("up")
    site.scene.talk()
    until(lambda: [legs for _, legs in site.live()] == [1], "one call with one trunk leg lives")
    leg.hang_up()
    assert {decision["tenant"] for decision in site.decisions()} == {"acme"}
    assert site.billed() == [OUT]

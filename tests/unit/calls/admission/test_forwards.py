"""A call that came in and goes out again: one call, held by the limits of both directions."""

from __future__ import annotations

import pytest

from pbxbilling.calls.live import signals
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.calls.live.load import Load
from pbxbilling.calls.live.signals import ChannelSeen
from pbxbilling.kernel.codes import Direction, LegDirection, Mode, Reason
from tests.support.calls.world import World, plan

IN = Direction.INBOUND


def called(world: World, uniqueid: str = "1") -> ChannelSeen:
    """Let a call come in for acme."""
    leg = world.seen(uniqueid, f"PJSIP/carrier-{uniqueid}")
    world.born(leg)
    assert world.hook(uniqueid, direction=IN, name=leg.name, number="+15550100").admit
    return leg


def forwards(world: World, leg: ChannelSeen, number: str = "0155501") -> Reason:
    """Let it forward, as a phone does by 302; return the reason of the verdict."""
    one = world.seen(f"{leg.key.uniqueid}-1", f"Local/{number}@x-0;1", state=0)
    two = world.seen(f"{leg.key.uniqueid}-2", f"Local/{number}@x-0;2", state=0)
    world.dials(leg, one)
    world.local(one, two)
    return world.hook(
        two.key.uniqueid, name=two.name, number=number, linkedid=leg.key.uniqueid
    ).reason


def dials_mobile(world: World, leg: ChannelSeen) -> ChannelSeen:
    """Let the forward dial its leg."""
    two = world.seen(f"{leg.key.uniqueid}-2", "Local/0155501@x-0;2", state=0)
    mobile = world.seen(f"{leg.key.uniqueid}-3", "PJSIP/carrier-3", state=0)
    world.dials(two, mobile)
    return mobile


def test_a_forward_is_refused_where_no_call_may_lead_outside() -> None:
    world = World(Mode.ENFORCE, plan(max_outbound_calls=0))
    leg = called(world)
    assert forwards(world, leg) is Reason.MAX_OUTBOUND_CALLS
    assert world.ledger.load("acme") == Load(inbound=1, trunk_legs=1), "the call that came in stays"
    assert world.hook("9", direction=IN, name="PJSIP/carrier-9").admit


@pytest.mark.parametrize("mode", [Mode.LOG, Mode.ENFORCE])
def test_a_forward_counts_as_an_outbound_call_while_it_lives(mode: Mode) -> None:
    world = World(mode, plan(max_outbound_calls=1, max_calls=2))
    leg = called(world)
    assert forwards(world, leg) is Reason.OK
    assert world.ledger.load("acme") == Load(inbound=1, trunk_legs=2, forwards=1), "while it dials"
    mobile = dials_mobile(world, leg)
    assert world.ledger.load("acme").calls(count_internal=False) == 1, "it stays one call"
    assert world.hook("9").reason is Reason.MAX_OUTBOUND_CALLS
    world.hangs_up(world.seen("9"))
    world.hangs_up(mobile)
    assert world.ledger.load("acme") == Load(inbound=1, trunk_legs=1)
    assert world.hook("8").reason is Reason.OK
    assert forwards(world, leg) is Reason.MAX_OUTBOUND_CALLS, "an outbound call takes its place"


def test_a_second_hook_of_a_live_forward_takes_no_second_place() -> None:
    world = World(Mode.ENFORCE, plan(max_outbound_calls=1))
    leg = called(world)
    assert forwards(world, leg) is Reason.OK
    assert forwards(world, leg) is Reason.OK
    dials_mobile(world, leg)
    assert world.hook("1", name=leg.name).reason is Reason.OK
    assert world.ledger.load("acme").forwards == 1


def test_an_emergency_grants_no_place_to_a_later_forward() -> None:
    world = World(Mode.ENFORCE, plan(max_outbound_calls=0))
    leg = called(world)
    assert forwards(world, leg, "112") is Reason.EMERGENCY
    dials_mobile(world, leg)
    assert forwards(world, leg) is Reason.MAX_OUTBOUND_CALLS


def test_a_call_that_is_over_the_limit_in_log_mode_holds_no_place() -> None:
    world = World(Mode.LOG, plan(max_outbound_calls=1))
    world.hook("8")
    leg = called(world)
    assert forwards(world, leg) is Reason.MAX_OUTBOUND_CALLS
    dials_mobile(world, leg)
    assert world.ledger.load("acme") == Load(outbound=1, inbound=1, trunk_legs=2)


def test_the_transfer_of_a_call_that_came_in_is_held_too() -> None:
    """A blind transfer to a mobile: the hook fires on the leg that came in."""
    world = World(Mode.ENFORCE, plan(max_outbound_calls=0))
    leg = called(world)
    assert world.hook("1", name=leg.name).reason is Reason.MAX_OUTBOUND_CALLS


def test_calls_that_are_joined_keep_their_places() -> None:
    world = World(Mode.ENFORCE, plan(max_outbound_calls=2))
    leg = called(world)
    phone, mobile = world.seen("5"), world.seen("6", "PJSIP/carrier-6", state=0)
    world.hook("5")
    world.dials(phone, mobile)
    world.bridges(leg, "b")
    world.bridges(mobile, "b")
    assert world.ledger.load("acme") == Load(inbound=1, trunk_legs=2, forwards=1)


@pytest.mark.parametrize("hooked", [False, True])
def test_a_leg_without_a_hook_has_the_number_that_was_dialled(*, hooked: bool) -> None:
    """A program dials first (`s`), or a call comes in and the dialplan forwards it unasked."""
    world = World(Mode.OFF, plan())
    leg = (called(world) if hooked else world.seen("1"))._replace(exten="s")
    out = world.seen("2", "PJSIP/carrier-2", state=0)
    world.tracker.apply(signals.DialBegin(leg, out, world.stamp(), "+4930123456"))
    world.answers(out)
    assert {call.number for call in world.ledger.calls.values()} == (
        {"+15550100"} if hooked else {"+4930123456"}
    )
    world.hangs_up(out)
    (ended,) = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    assert (ended.number, ended.direction) == ("+4930123456", LegDirection.OUTBOUND)


def test_the_number_of_a_hook_comes_before_the_one_that_a_trunk_was_told() -> None:
    world = World(Mode.OFF, plan())
    world.hook("1", number="0155501")
    one, two = world.seen("3", "Local/0155501@x-0;1"), world.seen("4", "Local/0155501@x-0;2")
    world.dials(world.seen("1"), one)
    world.local(one, two)
    out = world.seen("2", "PJSIP/carrier-2", state=0)
    world.tracker.apply(signals.DialBegin(two, out, world.stamp(), "90155501"))
    world.hangs_up(out)
    (ended,) = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    assert ended.number == "0155501"

"""The emergency exemption belongs to its hook and its leg, not to the call."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbxbilling.accounts.terms.status import Blocker
from pbxbilling.calls.admission.hook import Verdict
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.calls.live.signals import ChannelSeen
from pbxbilling.calls.tracking.adopt import Adopter
from pbxbilling.calls.views import CallView
from pbxbilling.catalog.plan import Overage, Plan
from pbxbilling.kernel.codes import Direction, Mode, Reason
from tests.support.calls.world import World, plan

HARD = Plan("plan", included_minutes=1, overage=Overage.BLOCK)
PREMIUM = "0900123"


def dials(world: World, caller: str, leg: str) -> ChannelSeen:
    """Let a channel dial a trunk leg, which answers."""
    dialled = world.seen(leg, f"PJSIP/carrier-{leg}", state=0)
    world.dials(world.seen(caller), dialled)
    world.answers(dialled)
    return dialled


def flagged(world: World) -> dict[str, bool]:
    """Return whether each ended leg is on record as an emergency."""
    ended = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    return {leg.key.uniqueid: leg.emergency for leg in ended}


def cut(world: World) -> set[str]:
    """Return the channels for which a cut was ordered."""
    return {channel.key.uniqueid for channel, in_s in world.cuts if in_s < 86_400}


@pytest.mark.parametrize("channel", ["1", "2"], ids=["same channel", "under its linkedid"])
@pytest.mark.parametrize("limit", ["max_calls", "max_outbound_calls", "max_trunk_legs"])
def test_a_later_hook_that_is_no_emergency_is_judged_as_a_new_call(
    limit: str, channel: str
) -> None:
    world = World(Mode.ENFORCE, plan(**{limit: 0}))
    assert world.hook("1", number="112").reason is Reason.EMERGENCY
    verdict = world.hook(channel, number=PREMIUM, linkedid="1")
    assert (verdict.admit, verdict.reason, verdict.flags) == (False, Reason(limit), ())
    assert world.hook(channel, number="112", linkedid="1").admit


def test_a_leg_that_lives_for_an_emergency_is_held_beside_what_is_asked_for_next() -> None:
    world = World(Mode.ENFORCE, plan(max_trunk_legs=1))
    world.hook("1", number="112")
    dials(world, "1", "2")
    assert world.hook("1", number=PREMIUM).reason is Reason.MAX_TRUNK_LEGS


def test_a_hook_that_was_granted_after_an_emergency_holds_its_slot() -> None:
    world = World(Mode.ENFORCE, plan(max_calls=1))
    world.hook("1", number="112")
    first = world.hook("1", number=PREMIUM)
    assert (first.reason, first.flags) == (Reason.OK, ())
    assert world.hook("1", number=PREMIUM).reason is Reason.OK
    assert world.hook("9", number=PREMIUM).reason is Reason.MAX_CALLS


def test_legs_dialled_after_an_emergency_are_flagged_no_more() -> None:
    world = World(Mode.ENFORCE, plan())
    world.hook("1", number="112")
    first = dials(world, "1", "2")
    world.hook("1", number=PREMIUM)
    second = dials(world, "1", "3")
    for leg in (first, second):
        world.hangs_up(leg)
    assert flagged(world) == {"2": True, "3": False}


def test_calls_that_are_joined_are_no_emergency_but_its_leg() -> None:
    world = World(Mode.ENFORCE, HARD)
    world.hook("1", number=PREMIUM)
    usual = dials(world, "1", "2")
    world.clock.passed_s += 1
    world.hook("3", number="112")
    emergency = dials(world, "3", "4")
    world.transfers([world.seen("1"), world.seen("3")], done=True)
    (call,) = world.ledger.calls.values()
    assert (call.emergency, CallView.of(call).emergency) == (False, True)
    world.cuts.clear()
    world.clock.passed_s += 60
    world.cutter.rearm_all(world.clock.now(), world.clock.monotonic())
    assert cut(world) == {"2"}
    assert world.hook("1", number=PREMIUM).reason is Reason.ALLOWANCE  # used up, judged anew
    for leg in (usual, emergency):
        world.hangs_up(leg)
    assert flagged(world) == {"2": False, "4": True}


def test_a_leg_that_asks_for_an_emergency_number_is_cut_no_more() -> None:
    inbound = frozenset(HARD.included_directions) | {Direction.INBOUND}
    world = World(Mode.ENFORCE, replace(HARD, included_directions=inbound))  # type: ignore[arg-type]
    leg = world.seen("1", "PJSIP/carrier-1")
    world.born(leg)
    world.hook("1", direction=Direction.INBOUND, name=leg.name)
    world.answers(leg)
    assert cut(world) == {"1"}
    world.hook("1", number="112", name=leg.name)
    assert world.cuts[-1][1] > 86_400  # Asterisk held an order: it is postponed
    world.cuts.clear()
    world.cutter.rearm_all(world.clock.now(), world.clock.monotonic())
    assert cut(world) == set()
    world.hook("1", number=PREMIUM, name=leg.name)
    world.cutter.rearm_all(world.clock.now(), world.clock.monotonic())
    assert cut(world) == {"1"}


@pytest.mark.parametrize("hooked", [False, True])
def test_what_the_far_end_of_a_local_channel_dials_is_exempt_until_it_asks(hooked: bool) -> None:
    world = World(Mode.ENFORCE, plan())
    near, far = (world.seen(str(n), f"Local/112@out-0;{n - 1}", state=0) for n in (2, 3))
    world.hook("1", number="112")
    world.local(near, far)
    if hooked:
        world.hook("3", number=PREMIUM, name=far.name, linkedid="1")
    world.dials(world.seen("1"), near)
    leg = world.seen("4", "PJSIP/carrier-4", state=0)
    world.dials(far, leg)
    world.answers(leg)
    world.hangs_up(leg)
    assert flagged(world) == {"4": not hooked}


def suspended(*directions: Direction) -> World:
    world = World(Mode.ENFORCE, plan())
    tenant = world.in_force.registry.tenants["acme"]
    blocked = replace(tenant, blocks=frozenset({Blocker.OPERATOR}))
    world.in_force.registry.put_tenant(blocked)
    if directions:
        policy = replace(world.in_force.policy, emergency_directions=frozenset(directions))
        world.in_force.policy = policy
    return world


def test_an_extension_or_a_did_of_that_number_is_no_emergency() -> None:
    def asked(world: World, direction: Direction) -> Verdict:
        return world.hook("1", number="911", direction=direction)

    assert asked(suspended(), Direction.OUTBOUND).reason is Reason.EMERGENCY
    assert asked(suspended(), Direction.INBOUND).reason is Reason.SUSPENDED
    assert asked(suspended(), Direction.INTERNAL).reason is Reason.OK
    internal = suspended(Direction.INTERNAL)
    assert asked(internal, Direction.INTERNAL).reason is Reason.EMERGENCY
    assert asked(internal, Direction.OUTBOUND).reason is Reason.SUSPENDED


def test_a_leg_is_exempt_again_after_a_restart() -> None:
    world = World(Mode.ENFORCE, plan())
    row = world.seen("2", "PJSIP/carrier-2", state=6)._replace(
        inherited="ADMIT|acme|outbound|emergency|||c9|emergency", linkedid="1"
    )
    adopter = Adopter(world.ledger, world.in_force, world.tracker, world.clock, world.facts.append)
    adopter.adopt(row, world.proof())
    assert world.ledger.channels[ChannelKey("pbx1", "2")].spared
    (call,) = world.ledger.calls.values()
    assert (call.emergency, call.judged) == (True, False)

"""When live legs are cut: at a new period, after a lost order, in an emergency."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.facts import LegEnded, WouldCut
from pbxbilling.calls.live.signals import ChannelSeen
from pbxbilling.catalog.plan import Overage, Plan
from pbxbilling.kernel.codes import Mode
from tests.support.calls.world import World

HARD = Plan("plan", included_minutes=2, overage=Overage.BLOCK)
EMERGENCY = "112"


def talks(world: World, name: str, number: str = "0155501") -> ChannelSeen:
    """Answer a call to that number; return its trunk leg."""
    leg = world.seen(name, f"PJSIP/carrier-{name}", state=0)
    world.hook(f"a{name}", number=number)
    world.dials(world.seen(f"a{name}"), leg)
    world.answers(leg)
    return leg


def passes(world: World, seconds: float) -> None:
    """Let time pass, and run the cutter."""
    world.clock.passed_s += seconds
    world.cutter.tick(world.clock.now(), world.clock.monotonic())


def orders(world: World) -> list[tuple[str, float]]:
    """Return every order so far: which leg, and in how many seconds."""
    return [(channel.key.uniqueid, in_s) for channel, in_s in world.cuts]


def test_a_leg_that_lives_into_the_next_period_has_that_ones_minutes() -> None:
    world = World(Mode.ENFORCE, HARD, start=datetime(2026, 11, 30, 23, 58, 20, tzinfo=UTC))
    first = talks(world, "1")
    world.clock.passed_s += 60
    world.hangs_up(first)
    talks(world, "2")  # November has a minute left
    assert orders(world)[-1] == ("2", 60.0)
    passes(world, 39)
    assert len(orders(world)) == 2
    passes(world, 2)  # the first second of December
    assert orders(world)[-1] == ("2", 120.0 - 41.0)


def test_a_leg_that_outlives_its_cut_is_ordered_to_end_again() -> None:
    world = World(Mode.ENFORCE, HARD)
    talks(world, "1")
    passes(world, 120.5)
    assert orders(world) == [("1", 120.0)]
    passes(world, 1)
    assert orders(world) == [("1", 120.0), ("1", 0.0)]


def test_an_emergency_call_is_neither_cut_nor_reported_as_cut() -> None:
    enforcing, watching = World(Mode.ENFORCE, HARD), World(Mode.LOG, HARD)
    for world in (enforcing, watching):
        talks(world, "1")
        talks(world, "2", EMERGENCY)
        passes(world, 122)
    assert {name for name, _ in orders(enforcing)} == {"1"}
    assert watching.cuts == []
    told = [fact.key for fact in watching.facts if isinstance(fact, WouldCut)]
    assert told == [ChannelKey("pbx1", "1")]


@pytest.mark.parametrize("charged", [False, True])
def test_an_emergency_uses_minutes_only_where_it_is_charged(charged: bool) -> None:
    world = World(Mode.ENFORCE, HARD)
    world.in_force.policy = replace(world.in_force.policy, emergency_charged=charged)
    emergency = talks(world, "1", EMERGENCY)
    world.clock.passed_s += 90
    world.hangs_up(emergency)
    (leg,) = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    assert leg.talk_us == 90_000_000
    assert (leg.billed_s, leg.allowance_s) == ((120, 120) if charged else (0, 0))
    assert world.hook("2").admit is not charged

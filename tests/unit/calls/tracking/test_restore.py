"""A ringing inbound call after a restart: its leg is known by key only until the PBX reports it."""

from __future__ import annotations

import pytest

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.facts import LegAnswered, LegEnded
from pbxbilling.calls.live.load import Load
from pbxbilling.calls.live.signals import ChannelSeen, Snapshot
from pbxbilling.calls.tracking.restore import restore
from pbxbilling.kernel.codes import Direction, LegDirection, Mode
from tests.support.calls.world import World, done, plan
from tests.support.kernel.clock import START
from tests.support.store import records as store_records

RINGING = store_records.call(
    "c7",
    pbx="pbx1",
    direction=Direction.INBOUND,
    origin="7",
    asker="7",
    linkedid="7",
    hooked=True,
    started_at=START,
)
COUNTED = Load(inbound=1, trunk_legs=1)


@pytest.fixture
def world() -> World:
    world = World(Mode.ENFORCE, plan(max_inbound_calls=1))
    world.clock.passed_s = 30.0  # the daemon was away this long
    restore(world.ledger, [RINGING], [], {}, {}, world.clock)
    return world


def look(world: World, *rows: ChannelSeen) -> bool:
    """Take a complete snapshot 5 s later; return whether another one soon would show more."""
    world.clock.passed_s += 5
    now, mono = world.clock.now(), world.clock.monotonic()
    return done(world.reconciler.apply(Snapshot("pbx1", rows, True, now, mono)))


def leg(world: World, state: int) -> ChannelSeen:
    return world.seen("7", "PJSIP/carrier-00000007", state=state)


def test_a_leg_that_ended_meanwhile_does_not_ring_for_ever(world: World) -> None:
    assert look(world)
    assert world.ledger.load("acme").inbound == 1, "one snapshot is not enough"
    assert not look(world)
    assert world.ledger.load("acme") == Load()
    assert not world.ledger.channels
    assert not [fact for fact in world.facts if isinstance(fact, LegAnswered)]


def test_a_leg_that_rings_on_is_counted_once_by_row_and_by_event(world: World) -> None:
    for _ in range(2):
        look(world, leg(world, 4))
        assert world.ledger.load("acme") == world.recount("acme") == COUNTED
    world.born(leg(world, 4))
    assert world.ledger.load("acme") == world.recount("acme") == COUNTED
    assert not world.hook("8", direction=Direction.INBOUND, name="PJSIP/carrier-8").admit


def test_a_leg_that_was_answered_meanwhile_is_up_and_answered_once(world: World) -> None:
    for _ in range(2):
        look(world, leg(world, 6))
    world.answers(leg(world, 6))
    (answered,) = (fact.leg for fact in world.facts if isinstance(fact, LegAnswered))
    assert answered.direction is LegDirection.INBOUND
    assert world.ledger.load("acme") == COUNTED


def test_a_leg_is_answered_and_ends_before_any_snapshot(world: World) -> None:
    world.answers(leg(world, 6))
    assert world.ledger.load("acme") == world.recount("acme") == COUNTED
    world.clock.passed_s += 10
    world.hangs_up(leg(world, 6))
    (ended,) = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    assert (ended.tenant, ended.direction, ended.talk_us) == (
        "acme",
        LegDirection.INBOUND,
        10_000_000,
    )
    assert world.ledger.load("acme") == Load()


def test_an_answered_leg_keeps_the_number_that_it_was_dialled_for() -> None:
    world = World(Mode.ENFORCE, plan())
    forwarded = store_records.leg(
        key=ChannelKey("pbx1", "8"),
        call="c7",
        linkedid="7",
        number="4915112345",
        started_at=START,
        answered_at=START,
    )
    restore(world.ledger, [RINGING], [forwarded], {}, {}, world.clock)
    world.hangs_up(world.seen("8", forwarded.channel, state=6))
    (ended,) = (fact.leg for fact in world.facts if isinstance(fact, LegEnded))
    assert (ended.call, ended.number) == ("c7", "4915112345")

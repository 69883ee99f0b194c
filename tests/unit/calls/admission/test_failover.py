"""A call that tries another trunk holds one leg, whenever AMI tells that the first attempt is over.

Hook and AMI reach the daemon on two links: on a busy Asterisk the hook for the second trunk comes
first.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pbxbilling.calls.live.load import Load
from pbxbilling.calls.live.signals import ChannelSeen
from pbxbilling.kernel.codes import Mode, Reason
from tests.support.calls.world import World, plan

PHONE = "PJSIP/acme1-1"
ONE_LEG = Load(outbound=1, trunk_legs=1)


def begun() -> tuple[World, ChannelSeen]:
    """Return a world of one trunk leg, and a phone whose call was admitted."""
    world = World(Mode.ENFORCE, plan(max_trunk_legs=1))
    phone = world.seen("1", PHONE)
    world.born(phone)
    assert world.hook("1", name=PHONE).admit
    return world, phone


def attempt(world: World, which: int) -> ChannelSeen:
    return world.seen(f"1{which}", f"PJSIP/carrier-{which}", state=0)


@pytest.mark.parametrize("late", ["nothing", "the hangup", "dial and hangup"])
def test_a_second_attempt_is_granted_whenever_the_end_of_the_first_is_told(late: str) -> None:
    world, phone = begun()
    first, second = attempt(world, 1), attempt(world, 2)
    told: list[Callable[[], None]] = [
        lambda: world.dials(phone, first),
        lambda: world.hangs_up(first),
    ]
    before = {"nothing": 2, "the hangup": 1, "dial and hangup": 0}[late]
    for tell in told[:before]:
        tell()
    assert world.hook("1", name=PHONE).reason is Reason.OK
    for tell in told[before:]:
        tell()
    world.dials(phone, second)
    assert world.ledger.load("acme") == ONE_LEG
    world.answers(second)
    assert world.ledger.load("acme") == ONE_LEG
    assert world.hook("9").reason is Reason.MAX_TRUNK_LEGS


@pytest.mark.parametrize("halves", [1, 2])
def test_an_attempt_through_local_channels_is_over_too(halves: int) -> None:
    world, dialler = begun()
    for nth in range(halves):
        one = world.seen(f"1{nth}1", f"Local/0155501@x-{nth};1", state=0)
        two = world.seen(f"1{nth}2", f"Local/0155501@x-{nth};2", state=0)
        world.local(one, two)
        world.dials(dialler, one)
        dialler = two
    world.dials(dialler, attempt(world, 1))
    assert world.hook("1", name=PHONE).reason is Reason.OK
    world.dials(world.seen("1", PHONE), attempt(world, 2))
    assert world.ledger.load("acme") == ONE_LEG


def test_a_leg_that_talks_counts_whatever_its_dialler_asks() -> None:
    world, phone = begun()
    first = attempt(world, 1)
    world.dials(phone, first)
    world.answers(first)
    assert world.hook("1", name=PHONE).reason is Reason.MAX_TRUNK_LEGS
    assert world.ledger.load("acme") == ONE_LEG


def test_a_leg_that_was_given_up_and_answers_counts_again() -> None:
    world, phone = begun()
    first, second = attempt(world, 1), attempt(world, 2)
    world.dials(phone, first)
    assert world.hook("1", name=PHONE).admit
    world.dials(phone, second)
    world.answers(first)
    assert world.ledger.load("acme") == Load(outbound=1, trunk_legs=2) == world.recount("acme")


def test_a_leg_that_another_channel_dialled_rings_on() -> None:
    world, phone = begun()
    world.dials(phone, attempt(world, 1))
    other = world.seen("2", "PJSIP/acme2-1")
    world.dials(phone, other)
    reason = world.hook("2", name=other.name, linkedid="1").reason
    assert reason is Reason.MAX_TRUNK_LEGS

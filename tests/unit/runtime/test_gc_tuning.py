"""Ended objects may not depend on the garbage collector, which hardly runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from pbxbilling.kernel.codes import Direction, Mode
from tests.support.calls.world import World, plan

CARRIER = "PJSIP/carrier-1"


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def live(world: World, number: int) -> None:
    """Run a call through a Local pair: answered, joined to another one and hung up."""
    ids = [f"{number}.{part}" for part in range(5)]
    phone, one, two, other = (world.seen(uniqueid) for uniqueid in ids[:4])
    trunk = world.seen(ids[4], CARRIER)
    world.hook(ids[0])
    world.hook(ids[3], direction=Direction.INBOUND)
    for channel in (phone, one, two, other, trunk):
        world.born(channel)
    world.local(one, two)
    world.answers(trunk)
    for channel in (phone, trunk, other):
        world.bridges(channel, f"bridge-{number}")
    world.transfers([phone, other], done=True)
    for channel in (phone, one, two, other, trunk):
        world.hangs_up(channel)


def test_a_call_leaves_no_cycle_behind() -> None:
    world = World(Mode.ENFORCE, plan(max_calls=1000))
    live(world, 0)
    gc.collect()
    for number in range(1, 100):
        live(world, number)
    assert not world.ledger.calls
    world.facts.clear()
    assert gc.collect() == 0

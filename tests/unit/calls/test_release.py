"""An operator takes a slot back; the call goes on without one."""

from __future__ import annotations

from pbxbilling.calls.live.facts import CallEnded, SlotReleased
from pbxbilling.calls.release import SlotRelease
from pbxbilling.kernel.codes import Mode
from tests.support.calls.world import World, plan
from tests.support.kernel.actors import named


def test_a_released_call_holds_nothing_and_is_told_with_who_did_it() -> None:
    world = World(Mode.ENFORCE, plan(max_calls=1))
    admitted = world.hook("1.1")
    assert admitted.admit
    world.facts.clear()
    slots = SlotRelease(world.ledger, world.clock, world.facts.append)
    released = slots.release(admitted.call, named("root"))
    assert released is not None
    assert (released.call, released.tenant) == (admitted.call, "acme")
    assert [type(fact) for fact in world.facts] == [CallEnded, SlotReleased]
    assert world.ledger.load("acme").calls(count_internal=True) == 0
    assert slots.release(admitted.call, named("root")) is None

"""A tenant's live load and usage, as published to displays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.calls.tenant_state import TenantState, TenantStates
from pbxbilling.catalog.plan import Overage, Plan
from pbxbilling.kernel.codes import Direction, Mode
from tests.support.calls.world import World, plan
from tests.support.kernel.clock import START


def states(world: World) -> TenantStates:
    return TenantStates(world.ledger, world.in_force, world.allowances, world.clock)


def state(world: World) -> TenantState:
    found = states(world).of("acme")
    assert found is not None
    return found


def test_calls_are_counted_against_the_limit_and_in_all_directions() -> None:
    world = World(Mode.ENFORCE, plan(max_calls=3))
    world.hook("1")
    world.hook("2", direction=Direction.INBOUND)
    world.hook("3", direction=Direction.INTERNAL)
    found = state(world)
    assert (found.calls, found.max_calls) == (2, 3)  # this plan does not count internal calls
    assert (found.outbound_calls, found.inbound_calls, found.internal_calls) == (1, 1, 1)


def test_minutes_are_those_of_ended_legs_in_this_month() -> None:
    world = World(Mode.LOG, Plan("plan", included_minutes=100))
    phone, trunk = world.seen("1"), world.seen("2", "PJSIP/carrier-2", state=0)
    world.hook("1")
    world.born(phone)
    world.born(trunk)
    world.dials(phone, trunk)
    world.answers(trunk)
    world.clock.passed_s = 90
    assert state(world).minutes == 0
    world.hangs_up(trunk)
    found = state(world)
    assert (found.minutes, found.included_minutes) == (Decimal(2), 100)
    assert found.month == "2026-11"


def test_a_trial_that_is_over_shows_without_waiting_for_the_daily_check() -> None:
    world = World(Mode.ENFORCE, plan())
    registry = world.in_force.registry
    ended = START - timedelta(days=world.in_force.policy.grace_days + 1)
    registry.put_tenant(replace(registry.tenants["acme"], status=Status.TRIAL, trial_until=ended))
    found = state(world)
    assert (found.status, found.blocks) == (Status.READ_ONLY, (Blocker.TRIAL,))


def test_an_operators_block_stands_in_front_of_the_status() -> None:
    world = World(Mode.ENFORCE, plan())
    registry = world.in_force.registry
    blocked = frozenset({Blocker.OPERATOR})
    registry.put_tenant(replace(registry.tenants["acme"], mode=Mode.LOG, blocks=blocked))
    found = state(world)
    assert (found.status, found.blocks) == (Status.SUSPENDED, (Blocker.OPERATOR,))
    assert found.mode is Mode.LOG


def test_states_that_differ_in_their_instant_alone_are_equal() -> None:
    world = World(Mode.ENFORCE, plan())
    before = state(world)
    world.clock.passed_s = 1
    after = state(world)
    assert after.at != before.at
    assert (after, hash(after)) == (before, hash(before))
    world.hook("1")
    assert state(world) != before


def test_a_tenant_without_terms_has_no_state() -> None:
    world = World(Mode.ENFORCE, plan(), tenants=("acme", "globex"))
    assert states(world).of("nobody") is None
    assert states(world).tenants() == ["acme", "globex"]


def test_a_used_up_hard_allowance_shows_as_a_block() -> None:
    world = World(Mode.ENFORCE, Plan("plan", overage=Overage.BLOCK, included_minutes=0))
    assert state(world).blocks == (Blocker.ALLOWANCE,)
    assert state(World(Mode.ENFORCE, Plan("plan", included_minutes=0))).blocks == ()

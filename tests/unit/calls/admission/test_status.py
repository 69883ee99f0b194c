"""Which tenants may call at all, in which direction, and the weight of internal calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pbxbilling.accounts.terms.blocks import block_reasons
from pbxbilling.accounts.terms.policy import EmergencyNumbers
from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Limits, Overage, Plan
from pbxbilling.kernel.codes import Direction, Mode, Reason
from tests.support.calls.world import World, plan
from tests.support.kernel.clock import START

OUT, IN, INTERNAL = Direction.OUTBOUND, Direction.INBOUND, Direction.INTERNAL


def world_of(mode: Mode = Mode.ENFORCE, **changes: object) -> World:
    """Return a world whose tenant differs from an active one by these fields."""
    world = World(mode, plan())
    tenant = world.in_force.registry.tenants["acme"]
    world.in_force.registry.put_tenant(replace(tenant, **changes))  # type: ignore[arg-type]
    return world


@pytest.mark.parametrize(
    ("status", "closed", "reason"),
    [
        (Status.CANCELLED, {OUT}, Reason.CANCELLED),
        (Status.READ_ONLY, {OUT}, Reason.READ_ONLY),
        (Status.INCOMPLETE, {OUT}, Reason.INCOMPLETE),
        (Status.PAST_DUE, set(), Reason.OK),
        (Status.GRACE_PERIOD, set(), Reason.OK),
    ],
)
@pytest.mark.parametrize("direction", Direction)
def test_a_status_closes_its_directions_and_no_other(
    status: Status, closed: set[Direction], reason: Reason, direction: Direction
) -> None:
    verdict = world_of(status=status).hook("1", direction=direction)
    expected = reason if direction in closed else Reason.OK
    assert (verdict.admit, verdict.reason) == (direction not in closed, expected)


@pytest.mark.parametrize(("days", "admitted"), [(6.9, True), (7, False)])
def test_a_trial_keeps_its_grace_window_and_then_closes_outbound(
    days: float, *, admitted: bool
) -> None:
    ended = START - timedelta(days=days)
    world = world_of(status=Status.TRIAL, trial_until=ended)
    assert world.hook("1").admit is admitted
    assert world.hook("2", direction=IN).admit


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.SUSPENDED}))
@pytest.mark.parametrize("direction", Direction)
def test_a_demo_tenant_is_blocked_by_no_payment_and_no_trial(
    status: Status, direction: Direction
) -> None:
    long_ago = START - timedelta(days=99)
    world = world_of(status=status, status_since=long_ago, trial_until=long_ago, demo=True)
    assert world.hook("1", direction=direction).admit
    tenant = world.in_force.registry.tenants["acme"]
    assert block_reasons(tenant, None, START, grace_days=7, left_s=None) == {}


def test_limits_apply_to_a_demo_tenant() -> None:
    world = World(Mode.ENFORCE, plan(max_calls=1))
    world.in_force.registry.put_tenant(Tenant("acme", "plan", demo=True))
    assert world.hook("1").admit
    assert world.hook("2").reason is Reason.MAX_CALLS


def test_a_hard_allowance_applies_to_a_demo_tenant() -> None:
    world = World(Mode.ENFORCE, Plan("plan", overage=Overage.BLOCK))
    world.in_force.registry.put_tenant(Tenant("acme", "plan", demo=True))
    assert world.hook("1").reason is Reason.ALLOWANCE


def test_a_demo_tenant_can_be_suspended() -> None:
    world = world_of(demo=True, blocks=frozenset({Blocker.OPERATOR}))
    assert world.hook("1").reason is Reason.SUSPENDED


@pytest.mark.parametrize(("days", "admitted"), [(6.9, True), (7, False)])
def test_a_failed_payment_keeps_its_grace_window_and_then_closes_outbound(
    days: float, *, admitted: bool
) -> None:
    failed = START - timedelta(days=days)
    world = world_of(status=Status.PAST_DUE, status_since=failed, subscription="sub_1")
    assert world.hook("1").reason is (Reason.OK if admitted else Reason.READ_ONLY)
    assert world.hook("2", direction=IN).admit


def test_a_trial_of_a_subscription_is_ended_by_the_gateway_alone() -> None:
    ended = START - timedelta(days=99)
    assert world_of(status=Status.TRIAL, trial_until=ended, subscription="sub_1").hook("1").admit


def test_an_operators_block_adds_to_any_status_and_passes_in_log_mode() -> None:
    blocks = frozenset({Blocker.OPERATOR})
    blocked = world_of(blocks=blocks)
    assert blocked.hook("1").reason is Reason.SUSPENDED
    assert blocked.hook("2", direction=IN).reason is Reason.SUSPENDED
    assert blocked.hook("3", direction=INTERNAL).admit
    assert world_of(Mode.LOG, blocks=blocks).hook("1").admit


@pytest.mark.parametrize("count_internal", [True, False])
def test_internal_calls_count_only_where_the_plan_says_so(*, count_internal: bool) -> None:
    limited = Plan("plan", limits=Limits(max_calls=1), count_internal=count_internal)
    world = World(Mode.ENFORCE, limited)
    world.hook("1", direction=INTERNAL)
    assert world.hook("2").admit is not count_internal


def test_an_internal_call_that_goes_outside_is_judged_as_what_it_becomes() -> None:
    world = World(Mode.ENFORCE, plan(max_calls=0))
    assert world.hook("1", direction=INTERNAL).admit
    assert world.hook("1").reason is Reason.MAX_CALLS


def test_an_emergency_number_behind_the_sites_prefix_passes() -> None:
    world = world_of(blocks=frozenset({Blocker.OPERATOR}))
    emergency = EmergencyNumbers(("112",), prefixes=("0",))
    world.in_force.policy = replace(world.in_force.policy, emergency=emergency)
    assert world.hook("1", number="0112").reason is Reason.EMERGENCY
    assert world.hook("2", number="01125").reason is Reason.SUSPENDED


def test_an_unknown_tenant_is_judged_by_the_policy() -> None:
    world = world_of()
    assert world.hook("1", tenant="nobody").admit
    world.in_force.policy = replace(world.in_force.policy, refuse_unknown_tenant=True)
    assert world.hook("2", tenant="nobody").reason is Reason.UNKNOWN_TENANT

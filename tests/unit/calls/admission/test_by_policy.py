"""Verdicts by policy, without a judgement: known facts that need no counts still apply."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.kernel.codes import Direction, Mode, Outcome, Reason
from tests.support.calls.world import World, plan
from tests.support.kernel.clock import START

LIVED = sorted(set(Status) - {Status.SUSPENDED})
DAYS = st.one_of(st.integers(0, 40), st.integers(0, 10**12))
UNTIL = st.one_of(st.none(), st.integers(-60, 60).map(lambda days: START + timedelta(days=days)))


def world_of(mode: Mode = Mode.ENFORCE, *, grace_days: int = 7, **changes: object) -> World:
    """Return a world whose tenant differs from an active one by these fields."""
    world = World(mode, plan())
    tenant = world.in_force.registry.tenants["acme"]
    world.in_force.registry.put_tenant(replace(tenant, **changes))  # type: ignore[arg-type]
    world.in_force.policy = replace(world.in_force.policy, grace_days=grace_days)
    return world


def asks(direction: Direction | None = Direction.OUTBOUND, **more: str) -> HookRequest:
    told = {"tenant": "acme", "linkedid": "1", "number": "0155501"} | more
    return HookRequest("1", "PJSIP/phone-1", direction, **told)


def each_way(world: World, request: HookRequest) -> list[Verdict]:
    """Return the verdicts by the deadline, on a malformed hook, and for an unconfigured PBX."""
    by_policy = (world.admission.by_policy, world.admission.malformed)
    stranger = HookRequest(
        "1", "PJSIP/phone-1", request.direction, request.tenant, "1", request.number, "pbx9"
    )
    return [*(way(request) for way in by_policy), world.admission.judge(stranger)]


@given(
    st.sampled_from(LIVED),
    st.booleans(),
    UNTIL,
    DAYS,
    st.sampled_from(Direction),
    st.sampled_from(Mode),
)
def test_whom_a_rule_without_counts_refuses_is_refused_in_every_way(
    status: Status,
    blocked: bool,
    until: datetime | None,
    grace_days: int,
    direction: Direction,
    mode: Mode,
) -> None:
    world = world_of(
        mode,
        grace_days=grace_days,
        status=status,
        status_since=START - timedelta(days=3),
        trial_until=until,
        blocks=frozenset({Blocker.OPERATOR} if blocked else ()),
    )
    world.in_force.policy = replace(world.in_force.policy, refuse_on_malformed=False)
    judged = world.hook("9", direction=direction)
    for verdict in each_way(world, asks(direction)):
        assert verdict.admit == judged.admit
        if not judged.admit:
            assert (verdict.reason, verdict.cause) == (judged.reason, judged.cause)


@given(st.sampled_from(LIVED), UNTIL, st.integers(0, 10**30))
def test_no_grace_window_is_too_long_to_be_judged(
    status: Status, until: datetime | None, days: int
) -> None:
    tenant = Tenant("acme", "plan", status=status, status_since=START, trial_until=until)
    for direction in Direction:
        tenant.closed_for(direction, START, days)


@pytest.mark.parametrize(("status", "admitted"), [(Status.CANCELLED, False), (Status.ACTIVE, True)])
def test_a_fault_in_the_terms_leaves_the_standing(status: Status, *, admitted: bool) -> None:
    world = world_of(status=status)
    registry = world.in_force.registry
    registry.put_plan(registry.plans["plan"])
    registry._destinations.clear()
    with pytest.raises(KeyError):
        world.hook("1")
    assert world.admission.by_policy(asks()).admit is admitted


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [(frozenset({Blocker.OPERATOR}), Reason.SUSPENDED), (frozenset(), Reason.DEADLINE)],
)
def test_without_a_valid_time_the_operators_block_still_applies(
    blocks: frozenset[Blocker], reason: Reason
) -> None:
    untimed = datetime(2026, 1, 1)  # noqa: DTZ001  no zone: it cannot be compared
    world = world_of(status=Status.PAST_DUE, status_since=untimed, blocks=blocks)
    assert world.admission.by_policy(asks()).reason is reason


def test_a_tenant_whose_plan_is_unknown_has_a_standing_all_the_same() -> None:
    world = world_of(plan="gone", blocks=frozenset({Blocker.OPERATOR}))
    assert world.hook("1").reason is Reason.SUSPENDED


def test_whom_nobody_knows_is_refused_where_that_is_so_and_its_arguments_have_come() -> None:
    world = world_of()
    world.in_force.policy = replace(world.in_force.policy, refuse_unknown_tenant=True)
    assert {verdict.reason for verdict in each_way(world, asks(tenant="nobody"))} == {
        Reason.UNKNOWN_TENANT
    }
    nothing_yet = HookRequest("1", "PJSIP/phone-1")
    assert world.admission.by_policy(nothing_yet).reason is Reason.DEADLINE


def test_an_unknown_direction_leads_outside_but_for_a_number_of_its_own() -> None:
    world = world_of(status=Status.CANCELLED, dids=("100",))
    assert world.admission.by_policy(asks(None)).reason is Reason.CANCELLED
    assert world.admission.by_policy(asks(None, number="100")).admit
    assert world.admission.by_policy(asks(None, number="1-00")).admit


def test_who_pays_is_known_by_the_call_around_though_nobody_judged() -> None:
    world = World(Mode.ENFORCE, plan(), ("acme", "globex"))
    world.hook("1", "globex")
    blocked = replace(
        world.in_force.registry.tenants["globex"], blocks=frozenset({Blocker.OPERATOR})
    )
    world.in_force.registry.put_tenant(blocked)
    late = HookRequest("2", "Local/0155501@x-0;2", linkedid="1", number="0155501", pbx="pbx1")
    verdict = world.admission.by_policy(late)
    assert (verdict.tenant, verdict.reason) == ("globex", Reason.SUSPENDED)
    assert len(world.ledger.channels) == 1  # nothing was created or reserved


def test_log_mode_says_what_enforce_would_refuse() -> None:
    world = world_of(Mode.LOG)
    assert world.admission.malformed(asks()).admit
    (told,) = (fact.decision for fact in world.facts if isinstance(fact, AdmissionDecided))
    assert (told.outcome, told.reason) == (Outcome.WOULD_REFUSE, Reason.MALFORMED)

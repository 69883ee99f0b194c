"""The queue before the broker: bounded, events in order, only the newest state per tenant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbxbilling.accounts.facts import AccountsChanged, StatusChanged, SubjectKind
from pbxbilling.accounts.terms.status import Status, Transition
from pbxbilling.calls.live.facts import CallEnded, CallStarted, LegEnded
from pbxbilling.calls.live.pbx_facts import LinkUp
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import ConfigReloaded, Fact
from pbxbilling.mqtt.outbox import Outbox
from tests.support.kernel.samples import AT
from tests.support.telemetry.facts import CALL, ENDED_LEG, decided

TENANTS = ["acme", "globex", "initech"]


def outbox(capacity: int = 100) -> Outbox:
    return Outbox(capacity, lambda: TENANTS)


def ended(number: int) -> CallEnded:
    return CallEnded(AT, replace(CALL, call=f"c{number}"))


def test_events_leave_in_the_order_in_which_they_happened() -> None:
    box = outbox()
    facts: list[Fact] = [decided(), ended(1), ended(2)]
    for fact in facts:
        assert box.put(fact)
    assert box.take_events(2) + box.take_events(2) == facts
    assert box.events == 0


def test_a_full_queue_drops_the_oldest_event_and_counts_it() -> None:
    box = outbox(capacity=2)
    for number in range(5):
        box.put(ended(number))
    assert (box.events, box.dropped) == (2, 3)
    assert box.take_events(9) == [ended(3), ended(4)]


@pytest.mark.parametrize(("later", "kept", "dropped"), [(1, [1, 2, 10], 0), (2, [2, 10, 11], 1)])
def test_events_that_did_not_leave_come_first_again_as_far_as_there_is_room(
    later: int, kept: list[int], dropped: int
) -> None:
    box = outbox(capacity=3)
    box.put(ended(1))
    box.put(ended(2))
    flying = box.take_events(2)
    for number in range(later):
        box.put(ended(10 + number))
    box.put_back(flying)
    assert box.dropped == dropped
    assert box.take_events(9) == [ended(number) for number in kept]


def test_events_that_did_not_leave_are_dropped_where_newer_ones_fill_the_queue() -> None:
    box = outbox(capacity=1)
    box.put(ended(1))
    flying = box.take_events(1)
    box.put(ended(2))
    box.put_back(flying)
    assert (box.take_events(9), box.dropped) == ([ended(2)], 1)


@pytest.mark.parametrize(
    "fact",
    [
        CallStarted(AT, CALL),
        CallEnded(AT, CALL),
        LegEnded(AT, ENDED_LEG),
        AccountsChanged(AT, "root", "apply", SubjectKind.TENANT, "acme"),
        StatusChanged(AT, "acme", Status.TRIAL, Status.ACTIVE, Transition.PAID, "stripe", "sub_1"),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_several_facts_about_a_tenant_publish_its_state_once(fact: Fact) -> None:
    box = outbox()
    for _ in range(3):
        assert box.put(fact)
    assert box.has_states
    assert box.take_tenants(9) == ["acme"]
    assert not box.has_states


@pytest.mark.parametrize(
    "fact",
    [
        AccountsChanged(AT, "root", "apply", SubjectKind.PLAN, "starter"),
        ConfigReloaded(AT, Mode.LOG),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_a_fact_about_all_tenants_publishes_all_states(fact: Fact) -> None:
    box = outbox()
    box.put(fact)
    assert box.take_tenants(9) == TENANTS


def test_a_change_does_not_wait_behind_all_others_and_they_are_not_starved() -> None:
    box = outbox()
    box.touch_all()
    assert box.take_tenants(1) == ["acme"]
    for tenant in ("x", "y", "z"):
        box.touch(tenant)
    one_by_one = [box.take_tenants(1)[0] for _ in range(5)]
    assert one_by_one == ["globex", "x", "initech", "y", "z"]


def test_facts_without_a_tenant_or_effect_change_no_state() -> None:
    box = outbox()
    box.put(CallStarted(AT, replace(CALL, tenant=None)))
    assert not box.put(LinkUp(AT, "pbx1", None))
    assert not box.has_states


def test_a_cleared_queue_holds_nothing() -> None:
    box = outbox()
    box.put(ended(1))
    box.touch_all()
    box.clear()
    assert (box.events, box.has_states, box.take_tenants(9)) == (0, False, [])

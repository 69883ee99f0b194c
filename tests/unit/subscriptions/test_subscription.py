"""The effect of a gateway's subscriptions on a tenant, in whatever order they were seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.status import TRANSITIONS, Status, Transition, check_transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.subscriptions.subscription import TRANSITION_TO, Subscription, follow, leading

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
LIVED = sorted(TRANSITION_TO)


def seen(status: Status, after_s: float = 0, **fields: object) -> Subscription:
    at = START + timedelta(seconds=after_s)
    whole = Subscription("sub_1", "cus_1", status, ("price_1",), START, at, live=False)
    return replace(whole, **fields)  # type: ignore[arg-type]


@given(statuses=st.lists(st.sampled_from(LIVED), min_size=1, max_size=4))
def test_pictures_in_any_order_and_twice_lead_to_the_same_state(statuses: list[Status]) -> None:
    if Status.CANCELLED in statuses:  # a cancelled one has no later state
        statuses = statuses[: statuses.index(Status.CANCELLED) + 1]
    pictures = [seen(status, number) for number, status in enumerate(statuses)]
    ends = set()
    for order in permutations(pictures + pictures[:1]):
        kept = order[0]
        for later in order[1:]:
            kept = kept.followed_by(later)
        ends.add((kept.status, kept.as_of))
    assert len(ends) == 1


def test_a_cancelled_subscription_never_comes_back() -> None:
    over = seen(Status.CANCELLED)
    assert over.followed_by(seen(Status.ACTIVE, 60)) == over


def test_a_status_is_as_old_as_the_first_picture_that_had_it() -> None:
    kept = seen(Status.ACTIVE).followed_by(seen(Status.PAST_DUE, 60))
    kept = kept.followed_by(seen(Status.PAST_DUE, 120))
    assert (kept.status_since, kept.as_of) == (
        START + timedelta(seconds=60),
        START + timedelta(seconds=120),
    )


def test_a_link_outlives_a_picture_that_does_not_know_it() -> None:
    linked = seen(Status.ACTIVE, tenant="acme")
    assert linked.followed_by(seen(Status.ACTIVE, 1)).tenant == "acme"


def test_a_tenant_follows_its_best_subscription_and_of_equals_the_newest() -> None:
    old = seen(Status.PAST_DUE, id="sub_0")
    newer = seen(Status.INCOMPLETE, id="sub_2", created_at=START + timedelta(days=1))
    assert leading([newer, old]) == old
    paid = replace(newer, status=Status.ACTIVE)
    newest = replace(paid, id="sub_3", created_at=START + timedelta(days=2))
    assert leading([paid, newest, old]) == newest
    assert leading([]) is None


@pytest.mark.parametrize("status", LIVED)
def test_a_tenant_follows_its_subscription(status: Status) -> None:
    tenant = follow(Tenant("acme", "free"), [seen(status)], "pro", START, 7)
    assert (tenant.status, tenant.subscription, tenant.plan) == (status, "sub_1", "pro")


def test_a_demo_tenant_follows_none() -> None:
    demo = Tenant("acme", "free", demo=True)
    assert follow(demo, [seen(Status.CANCELLED)], "pro", START, 7) == demo


def test_a_checkout_left_half_done_takes_no_trial_away() -> None:
    trying = Tenant("acme", "free", status=Status.TRIAL, trial_until=START + timedelta(days=1))
    waiting = [seen(Status.INCOMPLETE)]
    assert follow(trying, waiting, None, START, 7) == trying
    assert follow(trying, waiting, None, START + timedelta(days=2), 7) == trying  # in its grace
    later = follow(trying, waiting, None, START + timedelta(days=9), 7)
    assert later.status is Status.INCOMPLETE


def test_the_table_has_a_turn_to_every_status() -> None:
    assert {status for transition in TRANSITIONS.values() for status in transition.after} == set(
        Status
    )
    assert set(TRANSITIONS) == set(Transition)


def test_a_turn_that_the_table_does_not_know_is_an_error() -> None:
    check_transition(Transition.TRIAL_ENDED, Status.TRIAL, Status.GRACE_PERIOD)
    with pytest.raises(ValueError, match="trial_ended is not possible from cancelled"):
        check_transition(Transition.TRIAL_ENDED, Status.CANCELLED, Status.GRACE_PERIOD)


def test_a_grace_window_that_was_booked_as_over_is_not_opened_again() -> None:
    lead = seen(Status.PAST_DUE, status_since=START)
    due = follow(Tenant("acme", "pro"), [lead], None, START, 7)
    assert due.status is Status.PAST_DUE
    over = START + timedelta(days=8)
    booked = replace(due, status=Status.READ_ONLY, status_since=START + timedelta(days=7))
    assert follow(booked, [lead], None, over, 7) == booked
    assert follow(booked, [seen(Status.ACTIVE, 60)], None, over, 7).status is Status.ACTIVE


def test_of_two_unconfirmed_pictures_of_one_second_the_more_permissive_stands() -> None:
    waiting, paid = seen(Status.INCOMPLETE), seen(Status.ACTIVE)
    assert waiting.yields_to(paid)
    assert not paid.yields_to(waiting)
    assert paid.yields_to(seen(Status.CANCELLED))
    assert waiting.yields_to(seen(Status.PAST_DUE, 1))
    assert not seen(Status.ACTIVE, 1).yields_to(paid)

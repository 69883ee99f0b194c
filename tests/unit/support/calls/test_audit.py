"""The audit itself: it finds every difference between the ledger and the journal."""

import pytest

from tests.support.calls.audit import (
    AGREEMENT_S,
    BEFORE_A_KILL_S,
    Kill,
    TrunkLeg,
    differences,
)

LEG = TrunkLeg("acme", 100.0, 160.0)
TAKEN_ALONG = {"1": LEG._replace(ended_at=None)}


LITTLE_S = 0.01


def test_the_same_legs_within_a_moment_agree() -> None:
    apart_s = AGREEMENT_S - LITTLE_S
    near = TrunkLeg("acme", 100.0 + apart_s, 160.0 - apart_s)
    assert differences({"1": near}, {"1": LEG}) == []
    live = LEG._replace(ended_at=None)
    assert differences({"1": live}, {"1": live}) == []


@pytest.mark.parametrize(
    "other",
    [
        LEG._replace(tenant=None),
        LEG._replace(answered_at=100.0 + AGREEMENT_S + LITTLE_S),
        LEG._replace(ended_at=160.0 + AGREEMENT_S + LITTLE_S),
        LEG._replace(ended_at=None),
    ],
)
def test_a_leg_that_differs_is_told(other: TrunkLeg) -> None:
    assert len(differences({"1": other}, {"1": LEG})) == 1
    assert len(differences({"1": LEG}, {"1": other})) == 1


def test_a_leg_that_one_of_them_lacks_is_told() -> None:
    assert len(differences({}, {"1": LEG})) == 1
    assert len(differences({"1": LEG}, {})) == 1


@pytest.mark.parametrize(
    ("ended_at", "agrees"),
    [
        (161.0, True),
        (160.0 - BEFORE_A_KILL_S, True),
        (160.0 - BEFORE_A_KILL_S - LITTLE_S, False),
        (161.1, False),
    ],
    ids=["when it was gone", "long before", "too long before", "after it"],
)
def test_a_leg_of_a_killed_asterisk_ends_shortly_before_the_kill(
    ended_at: float, *, agrees: bool
) -> None:
    ledger, kill = {"1": LEG._replace(ended_at=ended_at)}, Kill(sent=160.0, gone=161.0)
    assert (differences(ledger, TAKEN_ALONG, killed=[kill]) == []) is agrees

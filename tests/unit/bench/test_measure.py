"""The arithmetic of the table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.measure import (
    TRIES,
    BrokenRoundError,
    all_alternating,
    alternating,
    at_most,
    compare,
    row,
)


def test_the_ratio_is_the_median_of_the_pairs_own_ratios() -> None:
    taken = row("x", [(10, 10), (30, 10), (20, 10), (200, 100), (80, 20)], unit="µs", limit=1.9)
    assert (taken.ratio_median, taken.q1, taken.q3) == (2.0, 2.0, 3.0)
    assert (taken.ours, taken.counterpart) == (30, 10)


@pytest.mark.parametrize(("limit", "held"), [(2.0, True), (1.99, False), (None, True)])
def test_a_ratio_at_its_limit_holds(limit: float | None, held: bool) -> None:
    assert row("x", [(2, 1), (2, 1)], unit="µs", limit=limit).held is held


def test_a_limit_is_missed_where_the_lower_quartile_is_beyond_it_too() -> None:
    samples = [(1.0, 1.0), (1.1, 1.0), (3.0, 1.0), (3.0, 1.0), (3.0, 1.0)]
    assert row("x", samples, unit="µs", limit=1.1).held
    assert not row("x", samples, unit="µs", limit=1.09).held


@pytest.mark.parametrize(("within", "held"), [(2.0, True), (1.99, False), (None, False)])
def test_beyond_the_ratio_it_is_enough_to_be_near(within: float | None, held: bool) -> None:
    taken = row("x", [(3, 1), (3, 1)], unit="ms", limit=1.5, within=within)
    assert taken.held is held


def test_pairs_alternate_their_order_after_one_that_warms_up() -> None:
    order = ""

    def trial(name: str, takes: float) -> Callable[[], float]:
        def run() -> float:
            nonlocal order
            order += name
            return takes

        return run

    taken = compare("x", trial("a", 3.0), trial("b", 2.0), unit="µs", pairs=3)
    assert order == "ababbaab"
    assert taken.ratio_median == 1.5


def test_several_sides_take_turns_from_both_ends() -> None:
    order = ""

    def trial(name: str) -> Callable[[], int]:
        def run() -> int:
            nonlocal order
            order += name
            return len(order)

        return run

    taken = all_alternating({name: trial(name) for name in "abc"}, rounds=2)
    assert order == "abcabccba"
    assert taken == [{"a": 4, "b": 5, "c": 6}, {"c": 7, "b": 8, "a": 9}]


@pytest.mark.parametrize(("found", "allowed", "held"), [(0, 0, True), (1, 0, False), (2, 2, True)])
def test_a_count_may_not_be_exceeded_once(found: int, allowed: int, held: bool) -> None:
    assert at_most("x", found, allowed, unit="messages").held is held


@pytest.mark.parametrize("error", [BrokenRoundError("too busy"), AssertionError(), TimeoutError()])
def test_a_pair_with_a_broken_round_is_taken_again_as_a_whole(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    order = ""
    breaks = {4, 5}  # rounds of b, the first of them the warming-up

    def ours() -> int:
        nonlocal order
        order += "a"
        return order.count("a")

    def theirs() -> int:
        nonlocal order
        order += "b"
        if order.count("b") in breaks:
            raise error
        return order.count("b")

    assert alternating(ours, theirs, pairs=3) == [(2, 2), (3, 3), (6, 6)]
    assert order == "ababbaababab"
    assert capsys.readouterr().err.count("taken again: a round of the counterpart went wrong") == 2


def test_what_goes_wrong_each_time_names_the_side() -> None:
    tries = 0

    def broken() -> float:
        nonlocal tries
        tries += 1
        raise BrokenRoundError("no answer")

    with pytest.raises(BrokenRoundError, match=r"a round of pbxbilling went wrong: .*no answer"):
        alternating(broken, lambda: 1.0)
    assert tries == TRIES

"""What the rounds of refused calls become: rows against limits, and a table of all sides."""

from __future__ import annotations

import pytest

from bench import invite
from bench.invite import AGI, COLUMNS, GROUP, HANGUP, OURS, SUBROUTINE, Answers, Load, found
from bench.measure import Row, SideTable
from rig.sippmessages import Timing

SIDES = (HANGUP, GROUP, AGI, SUBROUTINE, OURS)


def taken(ours_ms: float, again: int = 0, invites: int = 0) -> invite.Taken:
    """Return three rounds in which all others answer within a millisecond."""
    quick = Answers.of(Timing([0.5, 0.9, 1.0], 0))
    ours = Answers.of(Timing([ours_ms, ours_ms, 6.0], again, invites))
    return [{**dict.fromkeys(SIDES, quick), OURS: ours}] * 3


def test_the_answers_of_a_round_are_times_shares_and_surplus() -> None:
    answers = Answers.of(Timing([0.5, 1.0, 4.0, 9.0], again=3, invites_again=2))
    assert answers.times.median == 2.5
    assert answers.soon == (0.5, 0.75)
    assert (answers.invites_again, answers.others_again) == (2, 1)


@pytest.mark.parametrize(("ours_ms", "held"), [(1.3, True), (1.9, True), (2.0, False)])
def test_our_median_is_at_most_half_as_much_again_as_one_agi_line_or_a_millisecond_more(
    ours_ms: float, held: bool
) -> None:
    rows = found(Load(3, 200, 3, within_agi_ms=1.0), taken(ours_ms))
    limited = [r for r in rows if isinstance(r, Row) and "AGI()" in r.name and r.limit]
    assert [row.held for row in limited] == [held]


@pytest.mark.parametrize(("again", "held"), [(0, True), (1, False)])
def test_nothing_of_ours_may_be_sent_again(again: int, held: bool) -> None:
    rows = found(Load(3, 500, 3), taken(1.0, again))
    assert [r.held for r in rows if isinstance(r, Row) and "sent again" in r.name] == [held]


def test_the_table_of_all_sides_has_each_in_its_line() -> None:
    (table,) = (r for r in found(Load(3, 500, 3), taken(2.0, 2, 1)) if isinstance(r, SideTable))
    assert table.columns == COLUMNS
    assert [line[0] for line in table.lines] == list(SIDES)
    assert table.lines[2] == (AGI, "0.90", "1.00", "100.0%", "100.0%", "0", "0")
    assert table.lines[-1] == (OURS, "2.00", "5.92", "0.0%", "66.7%", "3", "3")

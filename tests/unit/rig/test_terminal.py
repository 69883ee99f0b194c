"""A command on a terminal: it is asked, answered once, and ends with its own status."""

from __future__ import annotations

import pytest

from rig.terminal import converse
from rig.waiting import patience_s


def test_it_runs_on_a_terminal_and_is_answered_once() -> None:
    script = 'test -t 0 && test -t 1 && printf "sure? [y/N]: " && read a && echo "said $a"; exit 3'
    status, said = converse(["sh", "-c", script], {"[y/N]": "y\n"}, patience_s(10))
    assert (status, said.splitlines()[-1]) == (3, "said y")
    assert said.count("y\n") == 2  # what was typed is echoed


def test_what_it_says_at_its_end_is_heard_though_a_child_keeps_the_terminal() -> None:
    script = "sleep 30 & seq 5000"
    status, said = converse(["sh", "-c", script], {}, patience_s(10))
    assert (status, said.split()[-1]) == (0, "5000")


def test_a_question_that_nobody_answers_is_shown() -> None:
    with pytest.raises(TimeoutError, match="which one"):
        converse(["sh", "-c", "echo which one; exec sleep 60"], {}, patience_s(0.3))

"""Waits grow with the machine's slowness, and end."""

from __future__ import annotations

from itertools import count

import pytest

from rig import waiting
from rig.waiting import patience_s, slowness, until


def test_a_slow_machine_gets_more_time_within_bounds() -> None:
    assert 1.0 <= slowness() <= 10.0
    assert patience_s(2.0) == 6.0 * slowness()
    assert slowness() == slowness()  # one measurement a process


def test_what_becomes_true_is_returned() -> None:
    turns = count()
    assert until(lambda: next(turns) >= 3, "the third turn") is True


def test_what_does_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "slowness", lambda: 1.0)
    with pytest.raises(TimeoutError, match="the impossible: not within"):
        until(lambda: None, "the impossible", 0.01)

"""The limit on states published per second."""

from __future__ import annotations

import pytest

from pbxbilling.mqtt.pace import Pace
from tests.support.kernel.clock import Clock


def test_no_more_than_the_pace_leaves_however_much_waits() -> None:
    clock = Clock()
    pace = Pace(100, clock)
    left = 0
    for _ in range(1000):
        count = pace.allowed
        pace.spend(count)
        left += count
        clock.passed_s += 0.001
    assert 100 <= left <= 110


def test_a_rest_saves_up_a_tenth_of_a_second_and_no_more() -> None:
    clock = Clock()
    pace = Pace(100, clock)
    clock.passed_s += 3600
    assert pace.allowed == 10


def test_it_tells_when_the_next_one_may_leave() -> None:
    clock = Clock()
    pace = Pace(100, clock)
    assert pace.next_s == 0
    pace.spend(10)
    assert pace.next_s == pytest.approx(0.01)
    clock.passed_s += 0.0101
    assert pace.allowed == 1

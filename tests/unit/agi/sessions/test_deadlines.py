"""One timer serves all: entries expire when due, in the order of entering."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import pytest

from pbxbilling.agi.sessions.deadlines import Deadlines


class Time:
    """A clock and a loop's timer in one, moved by hand."""

    def __init__(self) -> None:
        self.at = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at

    def call_later(self, delay: float, callback: Callable[[], None]) -> object:
        self.timers.append((self.at + delay, callback))
        return object()

    def pass_by(self, seconds: float) -> None:
        end = self.at + seconds
        while self.timers and self.timers[0][0] <= end:
            self.at, callback = self.timers.pop(0)
            callback()
        self.at = end


class Waiter:
    def __init__(self, *, fails: bool = False) -> None:
        self.over = False
        self.expired = 0
        self.fails = fails

    def expire(self) -> None:
        self.expired += 1
        if self.fails:
            raise RuntimeError("broken")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def deadlines(time: Time) -> Deadlines:
    return Deadlines(0.3, time, cast("asyncio.AbstractEventLoop", time))


def test_each_expires_once_when_its_own_time_is_over(time: Time, deadlines: Deadlines) -> None:
    early, late = Waiter(), Waiter()
    deadlines.enter(early, time.at)
    time.pass_by(0.2)
    deadlines.enter(late, time.at)
    time.pass_by(0.15)
    assert (early.expired, late.expired) == (1, 0)
    time.pass_by(10)
    assert (early.expired, late.expired) == (1, 1)


def test_who_is_over_does_not_expire(time: Time, deadlines: Deadlines) -> None:
    waiter = Waiter()
    deadlines.enter(waiter, time.at)
    waiter.over = True
    time.pass_by(10)
    assert waiter.expired == 0


def test_all_share_one_timer_and_without_any_there_is_none(
    time: Time, deadlines: Deadlines
) -> None:
    for _ in range(5):
        deadlines.enter(Waiter(), time.at)
    assert len(time.timers) == 1
    time.pass_by(10)
    assert time.timers == []


def test_one_that_raises_does_not_keep_the_others_waiting(time: Time, deadlines: Deadlines) -> None:
    second = Waiter()
    deadlines.enter(Waiter(fails=True), time.at)
    deadlines.enter(second, time.at)
    with pytest.raises(RuntimeError):
        time.pass_by(0.35)
    time.pass_by(0.35)
    assert second.expired == 1

"""The check runs at its hour and after a sleep, follows a reload, and outlives a full disk."""

from __future__ import annotations

import asyncio
from datetime import datetime, time

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.config.sections import BillingSettings
from pbxbilling.config.settings import Settings
from pbxbilling.daemon.tasks.daily import LOOK_S, DailyTask, check_hour
from pbxbilling.kernel.daily_hour import DailyHour
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.subscriptions.daily_check import DailyCheck
from pbxbilling.subscriptions.facts import DailyCheckDone, DailyCheckFailed
from rig.waiting import patience_s
from tests.support.kernel.clock import START, Clock
from tests.support.store.memory_store import MemoryStore

HOUR_S = 3600.0


def at(hour: time) -> DailyHour:
    return check_hour(Settings(billing=BillingSettings(daily_check=hour)))


class Night:
    """A task with a store and a clock of its own; START is noon."""

    def __init__(self, hour: time) -> None:
        self.store, self.clock = MemoryStore(), Clock()
        self.facts: list[Fact] = []
        self.ran = asyncio.Event()
        writer = AccountWriter(self.store, Registry(), self.clock, self._tell, asyncio.Lock())
        in_force = InForce(Policy(), writer.registry)
        check = DailyCheck(writer, self.store.subscription_store, self.store, self.clock, in_force)
        self.task = DailyTask(check, self.clock, self._tell, at(hour), DailyCheckFailed)

    def _tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.ran.set()

    @property
    def done(self) -> list[datetime]:
        return [fact.at for fact in self.facts if isinstance(fact, DailyCheckDone)]


async def test_it_runs_at_a_start_after_the_hour_was_slept_through_and_once() -> None:
    night = Night(time(1))
    await night.task.look()
    await night.task.look()
    assert night.done == [START]


async def test_it_looks_once_a_minute_and_wakes_at_the_hour() -> None:
    night = Night(time(13))
    assert await night.task.look() == LOOK_S
    night.clock.passed_s = HOUR_S - 20
    assert await night.task.look() == 20
    night.clock.passed_s = HOUR_S
    await night.task.look()
    assert night.done == [START, night.clock.now()]


async def test_a_reload_of_the_hour_is_followed_at_once() -> None:
    night = Night(time(13))
    running = asyncio.create_task(night.task.run())
    async with asyncio.timeout(patience_s(5)):
        await night.ran.wait()  # it never ran before
        night.ran.clear()
        night.clock.passed_s = HOUR_S / 2
        night.task.change(at(time(12, 15)))
        await night.ran.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert night.done == [START, night.clock.now()]


async def test_a_failing_database_is_reported_and_retried() -> None:
    night = Night(time(1))
    night.store.fault = StoreError("disk full")
    assert await night.task.look() == LOOK_S
    assert night.facts == [DailyCheckFailed(START, "disk full")]
    night.store.fault = None
    await night.task.look()
    assert night.done == [START]

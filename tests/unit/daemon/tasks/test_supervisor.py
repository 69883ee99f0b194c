"""A non-vital task that fails is logged and restarted; a cancelled one ends."""

from __future__ import annotations

import asyncio

import pytest

from pbxbilling.daemon.tasks import supervisor as supervise
from pbxbilling.daemon.tasks.supervisor import QUIET_S, Supervisor
from pbxbilling.kernel.facts import Fact, TaskFailed
from rig.waiting import patience_s
from tests.support.kernel.clock import START, Clock


class Work:
    """Fails so often, then waits to be cancelled."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.runs = 0
        self.going = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        if self.faults:
            raise self.faults.pop(0)
        self.going.set()
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "FIRST_PAUSE_S", 0.001)


async def test_a_failed_task_is_reported_and_restarted() -> None:
    facts: list[Fact] = []
    work = Work(OverflowError("date value out of range"), KeyError("acme"))
    supervisor = Supervisor(Clock(), facts.append)
    running = asyncio.create_task(supervisor.keep_running("figures", work.run))
    async with asyncio.timeout(patience_s(5)):
        await work.going.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.runs == 3
    assert facts == [
        TaskFailed(START, "figures", "OverflowError: date value out of range"),
        TaskFailed(START, "figures", "KeyError: 'acme'"),
    ]


async def test_a_group_of_faults_is_told_one_by_one() -> None:
    facts: list[Fact] = []
    group = ExceptionGroup("unhandled", [KeyError("a"), ExceptionGroup("", [ValueError("b")])])
    with Supervisor(Clock(), facts.append).guarded("post"):
        raise group
    assert facts == [TaskFailed(START, "post", "KeyError: 'a'; ValueError: b")]


async def test_work_that_ends_by_itself_is_not_begun_again() -> None:
    facts: list[Fact] = []

    async def once() -> None:
        return None

    await Supervisor(Clock(), facts.append).keep_running("mqtt", once)
    assert facts == []


async def test_the_same_fault_is_logged_once_a_minute() -> None:
    facts: list[Fact] = []
    clock = Clock()
    supervisor = Supervisor(clock, facts.append)
    for passed_s in (0, 1, QUIET_S - 1, QUIET_S, QUIET_S + 1):
        clock.passed_s = passed_s
        with supervisor.guarded("allowances"):
            raise KeyError("acme")
    assert len(facts) == 2
    with supervisor.guarded("allowances"):
        raise KeyError("globex")
    with supervisor.guarded("marks"):
        raise KeyError("globex")
    assert [fact.task for fact in facts[2:] if isinstance(fact, TaskFailed)] == [
        "allowances",
        "marks",
    ]


async def test_cancellation_passes_through() -> None:
    facts: list[Fact] = []
    with pytest.raises(asyncio.CancelledError), Supervisor(Clock(), facts.append).guarded("x"):
        raise asyncio.CancelledError
    assert facts == []

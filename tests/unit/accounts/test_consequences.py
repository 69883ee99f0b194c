"""The consequences of a fact are committed with the fact's own records, or neither is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pbxbilling.accounts.apply import TenantChange
from pbxbilling.accounts.facts import AccountsChanged, StatusChanged
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Status, Transition
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.facts import StatementSaved
from pbxbilling.calls.engine.record_sink import Recorder
from pbxbilling.calls.live.facts import CallEnded
from pbxbilling.calls.live.records import PbxMark
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.records import QueuedRecord
from pbxbilling.subscriptions.facts import DailyCheckDone
from tests.support.accounts.desk import AccountsDesk
from tests.support.billing.statements import Office
from tests.support.kernel.actors import named
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.store.records import NOON, call

ACME = Tenant("acme", "p", status=Status.TRIAL)
PAID = TenantChange(ACME, replace(ACME, status=Status.ACTIVE), Transition.PAID)


class Notifications:
    """Makes one record per fact, by the fact's name."""

    def __init__(self) -> None:
        self.asked: list[Fact] = []

    def records_for(self, facts: Sequence[Fact], /) -> Sequence[QueuedRecord]:
        self.asked += facts
        return [PbxMark(type(fact).__name__) for fact in facts]


class Accounts:
    """A writer whose facts are recorded as they are published."""

    def __init__(self) -> None:
        self.store, self.published = MemoryStore(), list[Fact]()
        self.store.consequences = self.notifications = Notifications()
        registry = Registry([Plan("p")], [ACME])
        emit, lock = self.published.append, asyncio.Lock()
        self.writer = AccountWriter(self.store, registry, Clock(), emit, lock)


async def test_they_are_asked_before_the_commit_and_committed_with_it() -> None:
    accounts = Accounts()
    await accounts.writer.write("subscription", [PAID], named("stripe"))
    (records,) = accounts.store.commits
    assert {record.pbx for record in records if isinstance(record, PbxMark)} == {
        "AccountsChanged",
        "StatusChanged",
    }
    assert accounts.notifications.asked == accounts.published


async def test_what_could_not_be_committed_has_none_and_is_not_published() -> None:
    accounts = Accounts()
    accounts.store.fault = StoreError("full")
    with pytest.raises(StoreError):
        await accounts.writer.write("subscription", [PAID], named("stripe"))
    assert (accounts.store.commits, accounts.store.known_marks, accounts.published) == ([], {}, [])


async def test_without_a_record_there_may_be_consequences() -> None:
    accounts = Accounts()
    changed = AccountsChanged(NOON, "root", "x", PAID.subject_kind, "acme")
    await accounts.writer.write("x", (), named("root"), facts=[changed])
    assert set(accounts.store.known_marks) == {"AccountsChanged"}


async def test_a_statement_and_a_daily_check_are_asked_about() -> None:
    office = Office("2026-11-20T00:00")
    office.store.consequences = noted = Notifications()
    await office.closer.look()
    await office.at("2026-12-03T00:00")
    desk = AccountsDesk([Plan("p")], [ACME])
    desk.store.consequences = noted
    await desk.daily.run()
    asked = {type(fact) for fact in noted.asked}
    assert asked >= {StatementSaved, DailyCheckDone}
    assert asked <= {StatementSaved, DailyCheckDone, AccountsChanged, StatusChanged}


class Queue:
    """The queue in front of the store."""

    def __init__(self) -> None:
        self.records: list[QueuedRecord] = []

    def put(self, record: QueuedRecord) -> None:
        self.records.append(record)


def test_those_of_live_calls_are_queued_behind_what_they_follow_from() -> None:
    queue, noted = Queue(), Notifications()
    recorder = Recorder(queue, Registry(), admissions=False, consequences=noted)
    recorder(ended := CallEnded(NOON, call()))
    recorder(AccountsChanged(NOON, "root", "x", PAID.subject_kind, "acme"))  # its writer asks
    assert queue.records == [ended.call, PbxMark("CallEnded")]
    assert noted.asked == [ended]

"""The writer takes records at once, loses none, and reports a failing store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from pbxbilling.calls.live.records import DecisionRecord, PbxMark
from pbxbilling.calls.metering.usage_event import LegMetered
from pbxbilling.kernel.codes import Outcome
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact, StoreFailing, StoreRecovered
from pbxbilling.kernel.records import QueuedRecord, Record
from pbxbilling.store.database.faults import RecordError
from pbxbilling.store.writer import StoreWriter
from rig.waiting import patience_s
from tests.support.kernel.clock import Clock
from tests.support.kernel.leaves import leaves
from tests.support.kernel.samples import sample
from tests.support.store.memory_store import MemoryStore
from tests.support.store.records import NOON, after, call, decision, ended_leg, leg

LOCKED = StoreError("database x.db is locked")
KEY = leg().key
# Decisions leave last: they alone may be dropped, and wait apart.
ONE_OF_EACH: list[QueuedRecord] = sorted(
    map(sample, leaves(QueuedRecord)), key=lambda record: isinstance(record, DecisionRecord)
)


class GatedStore(MemoryStore):
    """A store whose commits begin, and then wait for the test."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()

    async def commit(
        self, records: Sequence[Record], facts: Sequence[Fact] = (), number: int | None = None
    ) -> None:
        self.begun.set()
        await self.gate.wait()
        await super().commit(records, facts, number)


class PickyStore(MemoryStore):
    """A store that refuses some records, as a database does with a value that it cannot hold."""

    def __init__(self, refused: Callable[[Record], bool]) -> None:
        super().__init__()
        self._refused = refused

    async def commit(
        self, records: Sequence[Record], facts: Sequence[Fact] = (), number: int | None = None
    ) -> None:
        if any(map(self._refused, records)):
            raise RecordError("will never fit")
        await super().commit(records, facts, number)


class Note(QueuedRecord):
    """A record without a key."""

    @property
    def queue_key(self) -> None:
        return None


class Facts:
    """Records facts, and lets a test wait for the first of a kind."""

    def __init__(self) -> None:
        self.seen: list[Fact] = []
        self._any = asyncio.Event()

    def __call__(self, fact: Fact) -> None:
        self.seen.append(fact)
        self._any.set()

    async def first(self) -> Fact:
        await asyncio.wait_for(self._any.wait(), patience_s(5))
        return self.seen[0]

    async def published(self, fact: Fact) -> None:
        async with asyncio.timeout(patience_s(5)):
            while fact not in self.seen:
                self._any.clear()
                await self._any.wait()


@asynccontextmanager
async def running(writer: StoreWriter) -> AsyncIterator[StoreWriter]:
    task = asyncio.create_task(writer.run(), name="store-writer")
    try:
        yield writer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def writer_to(store: MemoryStore, facts: Facts | None = None, capacity: int = 1000) -> StoreWriter:
    return StoreWriter(store, Clock(NOON), facts or Facts(), capacity=capacity, first_retry_s=0.001)


async def test_what_is_queued_goes_into_one_transaction() -> None:
    store = MemoryStore()
    writer = writer_to(store)
    records = ONE_OF_EACH
    for record in records:
        writer.put(record)
    async with running(writer):
        await writer.flush()
    assert store.commits == [records]
    assert writer.depth == 0


async def test_what_comes_during_a_transaction_gathers_for_the_next() -> None:
    store = GatedStore()
    writer = writer_to(store)
    async with running(writer):
        writer.put(call("c1"))
        await store.begun.wait()
        writer.put(call("c2"))
        writer.put(call("c3"))
        assert writer.depth == 3
        store.gate.set()
        await writer.flush()
    assert store.commits == [[call("c1")], [call("c2"), call("c3")]]


async def test_after_a_transaction_records_gather_until_somebody_waits_for_them() -> None:
    store = MemoryStore()
    writer = StoreWriter(store, Clock(NOON), Facts(), pause_s=3600)
    async with running(writer):
        writer.put(call("c1"))
        await asyncio.wait_for(writer.flush(), patience_s(5))
        writer.put(call("c2"))
        await asyncio.sleep(0.01)
        writer.put(call("c3"))
        gathered = writer.depth
        await asyncio.wait_for(writer.flush(), patience_s(5))
    assert gathered == 2
    assert store.commits == [[call("c1")], [call("c2"), call("c3")]]


async def test_what_nobody_waits_for_is_written_after_the_pause() -> None:
    store = GatedStore()
    store.gate.set()
    writer = StoreWriter(store, Clock(NOON), Facts(), pause_s=0.01)
    async with running(writer):
        for name in ("c1", "c2"):
            store.begun.clear()
            writer.put(call(name))
            await asyncio.wait_for(store.begun.wait(), patience_s(5))
    assert store.commits == [[call("c1")], [call("c2")]]


async def test_several_states_of_one_key_become_the_latest() -> None:
    store = MemoryStore()
    writer = writer_to(store)
    marks = [PbxMark("main", NOON), PbxMark("main", after(1))]
    metered = LegMetered(KEY)
    states: list[QueuedRecord] = [call(), leg(), call(ended_at=NOON), ended_leg(), ended_leg()]
    for record in (*states, metered, metered, *marks):
        writer.put(record)
    assert writer.depth == 4
    async with running(writer):
        await writer.flush()
    assert store.commits == [[call(ended_at=NOON), ended_leg(), metered, marks[1]]]


async def test_records_without_a_key_are_all_written() -> None:
    store, notes = MemoryStore(), [Note(), Note()]
    writer = writer_to(store)
    for note in notes:
        writer.put(note)
    async with running(writer):
        await writer.flush()
    assert store.commits == [notes]


async def test_a_late_state_does_not_take_the_place_of_a_waiting_end() -> None:
    store = MemoryStore()
    writer = writer_to(store)
    for record in (call(ended_at=NOON), ended_leg(), call(), leg(), ended_leg(talk_s=90)):
        writer.put(record)
    async with running(writer):
        await writer.flush()
    assert store.commits == [[call(ended_at=NOON), ended_leg()]]


async def test_a_failed_commit_is_kept_and_failure_and_recovery_are_published_once() -> None:
    store, facts = MemoryStore(), Facts()
    store.fault = LOCKED
    writer = writer_to(store, facts)
    async with running(writer):
        writer.put(call())
        assert await facts.first() == StoreFailing(NOON, str(LOCKED), 1)
        writer.put(leg())
        store.fault = None
        await writer.flush()
    assert store.calls
    assert store.known_legs
    assert facts.seen == [StoreFailing(NOON, str(LOCKED), 1), StoreRecovered(NOON, 1)]


async def test_a_store_fault_is_shown_until_recovery_and_a_new_one_is_published_again() -> None:
    store, facts = MemoryStore(), Facts()
    writer = writer_to(store, facts)
    full = StoreError("the disk is full")
    async with running(writer):
        assert writer.fault is None
        store.fault = LOCKED
        writer.put(call())
        for fault in (LOCKED, full):
            store.fault = fault
            await facts.published(StoreFailing(NOON, str(fault), 1))
            assert writer.fault == str(fault)
        store.fault = None
        await writer.flush()
        assert writer.fault is None


async def test_a_write_that_never_returns_is_a_fault_too() -> None:
    store, clock = GatedStore(), Clock(NOON)
    writer = StoreWriter(store, clock, Facts())
    async with running(writer):
        writer.put(call())
        await store.begun.wait()
        clock.passed_s += 14
        early = writer.fault
        clock.passed_s += 2
        late = writer.fault
        store.gate.set()
        await writer.flush()
    assert (early, writer.fault) == (None, None)
    assert "check the disk" in str(late)


async def test_the_oldest_record_has_an_age() -> None:
    store, clock = GatedStore(), Clock(NOON)
    writer = StoreWriter(store, clock, Facts())
    assert writer.oldest_age_s == 0
    writer.put(call())
    clock.passed_s += 3
    writer.put(leg())
    assert writer.oldest_age_s == 3
    async with running(writer):
        await store.begun.wait()
        assert writer.oldest_age_s == 3
        store.gate.set()
        await writer.flush()
    assert writer.oldest_age_s == 0


async def test_admissions_are_dropped_first_the_oldest_before_the_newer() -> None:
    store = MemoryStore()
    writer = writer_to(store, capacity=3)
    refusal = decision(2, Outcome.REFUSE)
    for record in (decision(0), decision(1), refusal, call(), leg()):
        writer.put(record)
    assert (writer.depth, writer.queue.dropped_admissions) == (3, 2)
    async with running(writer):
        await writer.flush()
    assert store.commits == [[call(), leg(), refusal]]


async def test_refusals_are_dropped_at_four_times_the_bound_and_calls_never() -> None:
    writer = writer_to(MemoryStore(), capacity=1)
    for second in range(5):
        writer.put(decision(second, Outcome.REFUSE))
    assert (writer.depth, writer.queue.dropped_refusals) == (4, 1)
    for number in range(6):
        writer.put(call(str(number)))
        writer.put(PbxMark(str(number)))
    assert (writer.depth, writer.queue.dropped_refusals, writer.dropped) == (12, 5, 5)


async def test_a_record_that_the_database_rejects_delays_no_other() -> None:
    bad = call("bad")
    store, facts = PickyStore(lambda record: record is bad), Facts()
    writer = writer_to(store, facts)
    for record in (call("1"), call("2"), bad, call("3")):
        writer.put(record)
    async with running(writer):
        await writer.flush()
    assert set(store.calls) == {"1", "2", "3"}
    assert isinstance(facts.seen[0], StoreFailing)


async def test_drain_says_what_is_left_after_its_limit() -> None:
    store = GatedStore()
    async with running(writer_to(store)) as writer:
        writer.put(call())
        writer.put(leg())
        assert await writer.drain(0.01) == 2
        store.gate.set()
        assert await writer.drain(5) == 0

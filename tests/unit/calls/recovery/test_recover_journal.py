"""A journal read on from its position, missing or foreign, and how far it proves completeness."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.calls.journal.journal import JournalError, JournalRow
from pbxbilling.calls.live.facts import LegEnded
from pbxbilling.calls.live.pbx_facts import JournalReadable, JournalUnreadable
from pbxbilling.calls.live.records import LegRecord, PbxMark
from pbxbilling.kernel.errors import StoreError
from tests.support.calls.journal_rows import EPOCH_S, PHONE, at, outbound, row
from tests.support.calls.recovery import KEY, PBX, ListedJournal, Run, recover
from tests.support.store.memory_store import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


# --- the position --------------------------------------------------------------------------------


async def test_the_position_is_kept_after_the_legs_before_it(store: MemoryStore) -> None:
    run = Run(store, ListedJournal(outbound()))
    await run.round()
    kinds = [type(record) for record in run.writer.queue]
    assert kinds.index(LegRecord) < len(kinds) - 1 - kinds[::-1].index(PbxMark)


async def test_the_position_waits_for_open_calls(store: MemoryStore) -> None:
    await recover(store, outbound(ends=None))
    assert PBX not in store.known_marks
    await recover(store, outbound())
    assert store.known_marks[PBX].journal_offset == len(outbound())


async def test_a_store_that_fails_costs_nothing(store: MemoryStore) -> None:
    run = Run(store, ListedJournal(outbound()))
    run.writer.put(PbxMark("another"))
    store.fault = StoreError("disk full")
    with pytest.raises(StoreError):
        await run.round()
    store.fault = None
    await run.round()
    await run.writer.flush()
    assert store.known_legs[KEY].talk_us == 60_500_000
    assert store.known_marks[PBX].journal_offset == len(outbound())


def conversations(number: int) -> list[JournalRow]:
    """Return so many calls, each beginning while earlier ones are live; serials 2n and 2n + 1."""
    rows = []
    for n in range(number):
        a, b = 2 * n, 2 * n + 1
        shift = timedelta(seconds=7 * n)
        for told in outbound(ends=30 + n):
            mine = f"{EPOCH_S}.{a if told.channel == PHONE else b}"
            rows.append(told._replace(at=told.at + shift, uniqueid=mine, linkedid=f"{EPOCH_S}.{a}"))
    return sorted(rows, key=lambda told: told.at)


@given(
    st.integers(1, 5),
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=8),
)
async def test_killed_at_any_point_every_leg_is_counted_once(
    number: int, size: int, lives: list[tuple[int, bool]]
) -> None:
    """In each life some rows are written and read; it is killed before or after a flush."""
    written, store, journal = conversations(number), MemoryStore(), ListedJournal(size=size)
    for rows, flushed in lives:
        journal.rows += written[len(journal.rows) :][:rows]
        run = Run(store, journal)
        await run.take_up()
        await run.round()
        if flushed:
            await run.writer.flush()
    journal.rows = written
    run = Run(store, journal)
    await run.take_up()
    await run.end()
    (usage,) = await store.usage()
    assert usage.calls == number
    assert usage.talk_us == sum((20 + n) * 1_000_000 for n in range(number))


# --- a journal that cannot help ------------------------------------------------------------------


async def test_an_unreadable_journal_is_reported_once_until_it_is_fixed(store: MemoryStore) -> None:
    run = Run(store, ListedJournal())
    broken = JournalError("journal x.csv: Permission denied; let the daemon's user read it")
    for fault in (broken, broken, None, broken):
        run.journal.fault = fault
        run.journal.rows += [row("ANSWER", 0, 0, PHONE)]
        await run.round()
    told = run.facts_of(JournalUnreadable)
    assert len(told) == 2
    assert isinstance(told[0], JournalUnreadable)
    assert (told[0].path, told[0].error) == (run.journal.path, str(broken))
    assert run.recovery.fault == str(broken)


async def test_a_journal_that_opens_again_is_readable_though_nothing_new_is_in_it(
    store: MemoryStore,
) -> None:
    run = Run(store, ListedJournal())
    broken = JournalError("journal x.csv: No such file or directory; create its folder")
    for fault in (broken, None, None):
        run.journal.fault = fault
        await run.round()
    assert [type(fact) for fact in run.facts] == [JournalUnreadable, JournalReadable]


async def test_foreign_lines_are_told_until_a_row_of_ours_is_read(store: MemoryStore) -> None:
    run = Run(store, ListedJournal())
    run.journal.fault = JournalError("journal x.csv: Permission denied; mend its mode")
    await run.round()
    run.journal.fault, run.journal.skipped = None, 12
    await run.round()
    await run.round()  # nothing new
    assert run.facts_of(JournalReadable) == []
    run.journal.rows += [row("ANSWER", 0, 0, PHONE)]
    await run.round()
    assert len(run.facts_of(JournalReadable)) == 1


async def test_a_journal_in_another_format_is_reported(store: MemoryStore) -> None:
    run = Run(store, ListedJournal())
    run.journal.skipped = 12
    await run.round()
    (told,) = run.facts
    assert isinstance(told, JournalUnreadable)
    assert told.error.startswith("12 lines, none with the expected columns")


async def test_a_gap_is_reported_and_the_remaining_legs_are_settled(store: MemoryStore) -> None:
    journal = ListedJournal(outbound())
    journal.gap = True
    run = Run(store, journal)
    await run.round()
    assert run.facts_of(JournalUnreadable)
    assert len(run.facts_of(LegEnded)) == 1
    assert run.recovery.fault is None


# --- how far the record is complete --------------------------------------------------------------


async def test_all_is_known_until_the_round_that_read_to_the_end_began(store: MemoryStore) -> None:
    run = Run(store, ListedJournal(outbound()))
    assert run.recovery.known_until is None
    await run.round()
    assert run.recovery.known_until == run.clock.now()


async def test_nothing_is_known_past_a_leg_that_waits_for_the_next_round(
    store: MemoryStore,
) -> None:
    run = Run(store, ListedJournal(outbound()), now=at(5))
    run.clock.move_to(at(71))
    await run.round()
    assert run.recovery.known_until == at(70.5)
    run.clock.move_to(at(131))
    await run.round()
    assert run.recovery.known_until == at(131)


async def test_a_journal_that_cannot_be_read_makes_nothing_known(store: MemoryStore) -> None:
    run = Run(store, ListedJournal(outbound()))
    await run.round()
    known = run.recovery.known_until
    run.clock.move_to(at(2000))
    run.journal.fault = JournalError("gone")
    await run.round()
    assert run.recovery.known_until == known

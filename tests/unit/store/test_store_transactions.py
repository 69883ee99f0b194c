"""Transactions on SQLite: which errors they raise, what they read, and when they run again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import QueuePool, event

from pbxbilling.calls.live.records import PbxMark
from pbxbilling.calls.metering.usage_event import LegMetered
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.records import Cursor
from pbxbilling.payments.records import InvoiceRun, RunState
from pbxbilling.privacy.retention import Chore
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.faults import (
    ConflictError,
    RecordError,
    ReopenError,
)
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.store.transaction import _OPENED, RUNS, SqlTransaction
from rig.waiting import patience_s
from tests.support.billing.records import one_off, saved
from tests.support.store.records import NOON, after, call, ended_leg
from tests.support.subscriptions.records import subscription

ACME = "tenant acme"
FIRST = Cursor("x", after(1))


def given_up() -> ConflictError:
    return ConflictError("could not serialize access due to concurrent update")


_OF_ITS_BEGINNING = (
    *("BEGIN", "pg_catalog", "pg_advisory_xact_lock"),
    *("alembic_version", "FROM lease", "commit_number"),
)


class GivingUp:
    """Raises in the first so many of a kind of the writing connection's events.

    Those of a transaction's beginning are left out: its body has not run yet.
    """

    def __init__(self, store: SqlStore, name: str, times: int) -> None:
        self.left = times
        event.listen(store._writer.engine.sync_engine, name, self._raise)

    def _raise(self, *arguments: Any) -> None:
        statement = arguments[2] if len(arguments) > 2 else ""
        if self.left and not any(word in statement for word in _OF_ITS_BEGINNING):
            self.left -= 1
            raise given_up()


class NumberTaker:
    """Takes a number, and counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self, transaction: SqlTransaction) -> int:
        self.runs += 1
        before = await transaction.statement_store.one_offs("acme")
        await transaction.write([one_off(1 + len(before)), FIRST])
        return len(before)


@pytest.fixture
async def store(shared_place: DatabaseUrl) -> AsyncIterator[SqlStore]:
    async with await SqlStore.open(database_at(shared_place)) as opened:
        yield opened


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the list of requested pauses; none takes any time."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr("pbxbilling.store.transaction.asyncio.sleep", sleep)
    return made


@pytest.mark.parametrize("name", ["before_cursor_execute", "commit"])
async def test_work_that_was_given_up_runs_again_as_a_whole(
    store: SqlStore, pauses: list[float], name: str
) -> None:
    work, fault = NumberTaker(), GivingUp(store, name, 2)
    assert await store.transact(ACME, work) == 0
    assert (work.runs, fault.left) == (3, 0)
    assert await store.statement_store.one_offs("acme") == [one_off()]
    assert await store.cursor("x") == FIRST.at
    assert pauses == [0.01, 0.02]


async def test_work_runs_again_although_its_body_went_on(
    store: SqlStore, pauses: list[float]
) -> None:
    GivingUp(store, "before_cursor_execute", 1)

    async def go_on(transaction: SqlTransaction) -> None:
        try:
            await transaction.write([FIRST])
        except StoreError:
            return

    await store.transact(ACME, go_on)
    assert await store.cursor("x") == FIRST.at
    assert pauses == [0.01]


async def test_work_that_is_always_given_up_raises_in_the_end(
    store: SqlStore, pauses: list[float]
) -> None:
    work, fault = NumberTaker(), GivingUp(store, "commit", 1000)
    with pytest.raises(ConflictError, match="concurrent update"):
        await store.transact(ACME, work)
    assert work.runs == RUNS == 5
    assert pauses == [0.01, 0.02, 0.04, 0.08]
    fault.left = 0
    assert await store.cursor("x") is None
    assert await store.transact(ACME, work) == 0


async def test_a_commit_that_was_given_up_is_made_again(
    store: SqlStore, pauses: list[float]
) -> None:
    GivingUp(store, "commit", 4)
    await store.commit([call()])
    assert await store.open_calls() == [call()]
    assert len(pauses) == 4


async def test_a_body_cannot_run_again_so_its_conflict_is_raised(
    store: SqlStore, pauses: list[float]
) -> None:
    GivingUp(store, "commit", 1)
    with pytest.raises(ConflictError):
        async with store.transaction(ACME) as transaction:
            await transaction.write([FIRST])
    assert pauses == []


async def test_no_other_fault_runs_again(store: SqlStore, pauses: list[float]) -> None:
    await store.commit([one_off()])
    runs = 0

    async def refused(transaction: SqlTransaction) -> None:
        nonlocal runs
        runs += 1
        await transaction.write([one_off()])

    with pytest.raises(RecordError, match="refuses a record"):
        await store.transact(ACME, refused)
    assert (runs, pauses) == (1, [])


async def test_every_part_reads_what_the_transaction_wrote(store: SqlStore) -> None:
    run, leg = InvoiceRun("acme", "2026-11", RunState.ISSUED, NOON), ended_leg()
    async with store.transaction(ACME) as transaction:
        await transaction.write([saved(), subscription(), run, leg, LegMetered(leg.key)])
        assert await transaction.statement_store.statements() == [saved()]
        assert await transaction.subscription_store.subscriptions() == [subscription()]
        assert await transaction.invoice_runs.runs() == [run]
        assert await transaction.meters.event(str(leg.key)) is not None
        assert await store.statement_store.statements() == []
        assert await store.meters.event(str(leg.key)) is None


async def test_a_task_has_nothing_left_of_a_transaction(store: SqlStore) -> None:
    before = _OPENED.get()
    await store.commit([FIRST])
    with pytest.raises(ConflictError):
        async with store.transaction(ACME):
            raise ConflictError("no")
    assert _OPENED.get() == before == ()


async def test_a_cancelled_body_gives_the_connection_back_at_once(store: SqlStore) -> None:
    begun = asyncio.Event()

    async def hang(transaction: SqlTransaction) -> None:
        begun.set()
        await asyncio.Event().wait()

    hanging = asyncio.create_task(store.transact(ACME, hang), name="hanging")
    await asyncio.wait_for(begun.wait(), patience_s(5))
    pool = cast("QueuePool", store._writer.engine.pool)
    assert pool.checkedout() == 1
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert pool.checkedout() == 0


@pytest.mark.parametrize("shared_place", ["sqlite"], indirect=True)
async def test_a_removed_file_is_reported_and_the_next_one_is_opened(
    store: SqlStore, tmp_path: Path
) -> None:
    path = tmp_path / "test.db"
    await store.backup(tmp_path / "copy.db")
    await asyncio.to_thread(path.rename, tmp_path / "away.db")
    with pytest.raises(ReopenError, match=f"{path} cannot be opened"):
        async with store.transaction(ACME):
            pytest.fail("there is nothing to write to")
    await asyncio.to_thread((tmp_path / "copy.db").rename, path)
    assert await store.transact(ACME, NumberTaker()) == 0
    assert await store.cursor("x") == FIRST.at


async def test_a_write_that_was_left_in_its_middle_spoils_the_transaction(store: SqlStore) -> None:
    calls = [call(str(number)) for number in range(1000)]
    with pytest.raises(StoreError, match="was interrupted"):  # noqa: PT012 - its end raises
        async with store.transaction(ACME) as transaction:
            writing = asyncio.create_task(transaction.write(calls), name="writing")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
    assert await store.open_calls() == []


async def test_what_no_column_holds_is_the_records_fault(store: SqlStore) -> None:
    with pytest.raises(RecordError, match=r"(cannot store|refuses) a record"):
        async with store.transaction(ACME) as transaction:
            await transaction.write([PbxMark("main", NOON, "a.csv", 2**70)])


async def do_chore(store: SqlStore) -> None:
    await store.retention_store.do(Chore.CALLS, NOON, [("c1",)])


async def redact(store: SqlStore) -> None:
    await store.retention_store.redact("tenant acme", ["name"])


@pytest.mark.parametrize("purge", [do_chore, redact])
async def test_what_grows_old_does_not_go_inside_a_transaction(
    store: SqlStore, purge: Callable[[SqlStore], Any]
) -> None:
    async with asyncio.timeout(patience_s(5)), store.transaction(ACME):
        with pytest.raises(RuntimeError, match="inside the transaction 'tenant acme'"):
            await purge(store)
    await purge(store)

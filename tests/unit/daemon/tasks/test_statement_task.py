"""The task runs when a period ends, at once when a cycle opens, and otherwise every few seconds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.facts import StatementSaved
from pbxbilling.billing.statements.close import CloseHere, Closer
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.daemon.tasks.statements import LOOK_S, StatementTask
from pbxbilling.kernel.facts import Fact
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.subscriptions.facts import CycleOpened
from rig.waiting import patience_s
from tests.support.billing.statements import ACME, BASIC
from tests.support.kernel.clock import Clock

END = datetime(2026, 12, 1, tzinfo=UTC)


async def test_a_period_is_closed_when_the_task_is_woken_after_its_end(
    shared_place: DatabaseUrl,
) -> None:
    clock = Clock(END - timedelta(days=1))
    saved = asyncio.Event()
    flushed: list[str] = []

    def tell(fact: Fact) -> None:
        task.sink(fact)
        if isinstance(fact, StatementSaved):
            saved.set()

    async def flush() -> None:
        flushed.append("")

    async with await SqlStore.open(database_at(shared_place)) as store:
        registry = Registry([BASIC], [ACME])
        accounts = AccountWriter(store, registry, clock, tell, asyncio.Lock())
        statements = Statements(
            store.statement_store,
            store.subscription_store,
            store,
            accounts,
            InForce(Policy(), registry),
            clock,
        )
        closer = Closer(
            statements,
            CloseHere(statements),
            clock,
            tell,
            dict,
            flush,
            lambda: asyncio.sleep(0),
        )
        task = StatementTask(closer, clock)
        running = asyncio.create_task(task.run())
        async with asyncio.timeout(patience_s(5)):
            while await store.cursor("billed until: acme") is None:  # noqa: ASYNC110
                await asyncio.sleep(0)
        clock.move_to(END)
        task.sink(CycleOpened(END, "globex", "in_1", END, END))
        async with asyncio.timeout(patience_s(5)):
            await saved.wait()
        running.cancel()
        (final,) = await store.statement_store.statements(tenant="acme")
    assert (final.month, final.net, flushed) == ("2026-11", 1000, [""])
    assert (await asyncio.gather(running, return_exceptions=True))[0] is not None


def test_the_pause_is_short_before_an_end_and_never_long() -> None:
    clock = Clock(END - timedelta(seconds=4))
    task = StatementTask.__new__(StatementTask)
    task._clock = clock
    assert task._pause_s(END) == 4
    assert task._pause_s(END + timedelta(days=9)) == LOOK_S
    assert task._pause_s(None) == LOOK_S
    clock.move_to(END)
    assert task._pause_s(END - timedelta(seconds=9)) == 0

"""A child process that closes periods until it is killed.

`python -m tests.support.billing.period_end URL` runs it.

It prints `saved` for each final statement, and `done` when nothing is left to close.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.facts import StatementSaved
from pbxbilling.billing.statements.close import CloseHere, Closer
from pbxbilling.billing.statements.issue import Statements
from pbxbilling.kernel.facts import Fact
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from tests.support.kernel.clock import Clock

NOW = datetime(2027, 5, 1, 0, 0, 30, tzinfo=UTC)


async def close_all(url: str) -> None:
    """Close every period that has ended by NOW, as the daemon does at a start."""
    clock = Clock(NOW)
    async with await SqlStore.open(database_at(url)) as store:
        accounts = await store.accounts()
        registry = Registry(accounts.plans, accounts.tenants, accounts.version)
        writer = AccountWriter(store, registry, clock, _tell, asyncio.Lock())
        statements = Statements(
            store.statement_store,
            store.subscription_store,
            store,
            writer,
            InForce(Policy(), registry),
            clock,
        )
        here = CloseHere(statements)
        closer = Closer(statements, here, clock, _tell, dict, _at_once, _at_once)
        await closer.look()
    _say("done")


def _tell(fact: Fact) -> None:
    if isinstance(fact, StatementSaved):
        _say("saved")


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def _at_once() -> None:
    pass


if __name__ == "__main__":
    asyncio.run(close_all(sys.argv[1]))

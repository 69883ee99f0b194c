"""A purge over a store in memory or the real one, without pauses between its batches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.metering.usage_event import UsageEventState
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock
from pbxbilling.privacy.forget import Forgetter
from pbxbilling.privacy.purge import Purge
from pbxbilling.privacy.retention import Retention
from tests.support.store.whole_store import WholeStore


async def no_rest() -> None:
    """Return at once: there is no other writer."""


def purge_of(
    store: WholeStore, clock: Clock, facts: list[Fact], retention: Retention | None = None
) -> Purge:
    """Return the purge of that store."""
    return Purge(
        store.retention_store,
        store,
        clock,
        facts.append,
        retention or Retention(),
        no_rest,
        asyncio.Lock(),
    )


def forgetter_of(store: WholeStore, writer: AccountWriter, clock: Clock) -> Forgetter:
    """Return what forgets a tenant of that store, without a daemon."""
    return Forgetter(
        store.retention_store,
        store,
        store.subscription_store,
        store,
        writer,
        purge_of(store, clock, []),
    )


class NoMinutes:
    """`MeteredMinutes` without any metered usage."""

    async def minutes(
        self, _tenant: str, _begins: datetime, _ends: datetime
    ) -> Mapping[UsageEventState, int]:
        return {}

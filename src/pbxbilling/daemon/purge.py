"""The purge as it runs here: beside live calls, whose records come first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pbxbilling.config.sections import RetentionSettings
from pbxbilling.daemon.stores import Stores
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.privacy.purge import Purge

REST_S = 0.02  # three times what a batch takes: the writer is free most of the time


def purge_of(
    stores: Stores, clock: Clock, emit: EventSink, kept: Callable[[], RetentionSettings]
) -> Purge:
    """The purge of a store, by the settings in force."""
    return Purge(
        stores.retention_store,
        stores.cursors,
        clock,
        emit,
        lambda: kept().retention(),
        _rest,
        asyncio.Lock(),
    )


async def _rest() -> None:
    await asyncio.sleep(REST_S)

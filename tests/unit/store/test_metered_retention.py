"""A leg whose usage has not been sent to the gateway's meter is not purged."""

from __future__ import annotations

import pytest

from pbxbilling.calls.metering.usage_event import LegMetered, MeterEventMoved, UsageEventState
from pbxbilling.privacy.retention import Chore
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from tests.support.billing.records import copy_of, saved
from tests.support.store.records import after, ended_leg


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (UsageEventState.WAITING, 0),
        (UsageEventState.SENDING, 0),
        (UsageEventState.PARKED, 0),
        (UsageEventState.SENT, 1),
        (UsageEventState.TOO_OLD, 1),
    ],
)
async def test_a_leg_waits_for_its_meter_event(
    shared_place: DatabaseUrl, state: UsageEventState, due: int
) -> None:
    one = ended_leg("1.1")
    moved = MeterEventMoved(str(one.key), state, 1, 1, None, None)
    async with await SqlStore.open(database_at(shared_place)) as store:
        await store.commit([one, LegMetered(one.key), saved(), copy_of(one)])
        await store.commit([moved])
        event = await store.meters.event(str(one.key))
        assert event is not None
        assert event.state is state
        for chore in (Chore.LEGS, Chore.LEG_NUMBERS):
            assert await store.retention_store.count(chore, after(86_400)) == due

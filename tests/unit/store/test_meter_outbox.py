"""The outbox of meter events: written with the legs, according to the legs in the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import EndWitness, LegAssigned, LegRecord
from pbxbilling.calls.metering.usage_event import (
    LegMetered,
    MeterBacklog,
    MeterEvent,
    MeterEventsUnparked,
    UsageEventState,
)
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from tests.support.store.records import NOON, after, ended_leg

LATER = NOON + timedelta(hours=1)


@pytest.fixture
async def store(shared_place: DatabaseUrl) -> AsyncIterator[SqlStore]:
    async with await SqlStore.open(database_at(shared_place)) as store:
        yield store


def metered(leg: LegRecord) -> list[LegRecord | LegMetered]:
    return [leg, LegMetered(leg.key)]


async def only(store: SqlStore) -> MeterEvent:
    (event,) = await store.meters.due(LATER, LATER, 10)
    return event


async def test_an_event_is_its_leg_in_whole_minutes(store: SqlStore) -> None:
    leg = ended_leg(billed_s=120)
    await store.commit([LegMetered(leg.key), leg])
    event = await only(store)
    assert (event.leg, event.tenant, event.month) == (str(leg.key), leg.tenant, leg.month)
    assert (event.ended_at, event.minutes) == (leg.ended_at, 2)
    assert event.state is UsageEventState.WAITING


async def test_a_leg_without_end_or_owner_has_none(store: SqlStore) -> None:
    nobodys = ended_leg("1.2", tenant=None)
    living = replace(ended_leg("1.1"), ended_at=None)
    await store.commit([*metered(nobodys), *metered(living)])
    assert await store.meters.due(LATER, LATER, 10) == []


async def test_an_assigned_leg_has_one_in_the_same_transaction(store: SqlStore) -> None:
    leg = ended_leg(tenant=None, billed_s=0)
    await store.commit([leg])
    given = LegAssigned(leg.key, "acme", 180, 180, "2026-11")
    await store.commit([given, LegMetered(leg.key), *metered(ended_leg("other", billed_s=60))])
    events = await store.meters.due(LATER, LATER, 10)
    assert sorted(event.minutes for event in events) == [1, 3]


async def test_it_follows_its_leg_until_it_is_being_sent(store: SqlStore) -> None:
    guess = ended_leg(witness=EndWitness.ESTIMATED, billed_s=60)
    truth = replace(guess, witness=EndWitness.JOURNAL, billed_s=180)
    await store.commit(metered(guess))
    await store.commit(metered(truth))
    event = await only(store)
    assert (event.minutes, event.ledger_minutes, event.estimated) == (3, 3, False)


async def test_what_was_sent_stays_and_the_difference_is_found(store: SqlStore) -> None:
    guess = ended_leg(witness=EndWitness.ESTIMATED, billed_s=60)
    await store.commit(metered(guess))
    await store.commit([(await only(store)).moved(UsageEventState.SENT)])
    await store.commit(metered(replace(guess, witness=EndWitness.JOURNAL, billed_s=180)))
    (event,) = await store.meters.differing(10)
    assert (event.state, event.minutes, event.ledger_minutes) == (UsageEventState.SENT, 1, 3)
    await store.commit([event.moved(UsageEventState.SENT, "told")])
    assert await store.meters.differing(10) == []


async def test_a_leg_that_the_store_does_not_take_changes_no_event(store: SqlStore) -> None:
    seen = ended_leg(witness=EndWitness.LIVE, billed_s=60)
    await store.commit(metered(seen))
    await store.commit(metered(replace(seen, witness=EndWitness.ESTIMATED, billed_s=600)))
    assert (await only(store)).minutes == 1


async def test_events_are_due_in_the_order_of_ends(store: SqlStore) -> None:
    for uniqueid, second in (("c", 3), ("a", 9), ("b", 1), ("later", 7200)):
        await store.commit(metered(replace(ended_leg(uniqueid), ended_at=after(second))))
    due = await store.meters.due(LATER, LATER, 10)
    assert [ChannelKey(*event.leg.split(":")).uniqueid for event in due] == ["b", "c", "a"]
    assert len(await store.meters.due(LATER, LATER, 2)) == 2


async def test_an_estimated_one_waits_until_its_time_is_settled(store: SqlStore) -> None:
    guess = replace(ended_leg(witness=EndWitness.ESTIMATED), ended_at=after(60))
    await store.commit(metered(guess))
    assert await store.meters.due(LATER, after(60), 10) == []
    assert len(await store.meters.due(LATER, after(61), 10)) == 1


async def test_parked_ones_wait_again_when_their_tenant_is_a_customer(store: SqlStore) -> None:
    await store.commit(metered(ended_leg()))
    await store.commit([(await only(store)).moved(UsageEventState.PARKED)])
    assert await store.meters.due(LATER, LATER, 10) == []
    assert list(await store.meters.parked()) == ["acme"]
    await store.commit([MeterEventsUnparked("other"), MeterEventsUnparked("acme")])
    assert (await only(store)).state is UsageEventState.WAITING


async def test_the_backlog_counts_all_that_was_not_sent(store: SqlStore) -> None:
    for number in range(3):
        await store.commit(metered(replace(ended_leg(f"1.{number}"), ended_at=after(number))))
    first, second, _ = await store.meters.due(LATER, LATER, 10)
    await store.commit(
        [first.moved(UsageEventState.SENT), second.moved(UsageEventState.REFUSED, "why")]
    )
    counted = {UsageEventState.REFUSED: 1, UsageEventState.WAITING: 1}
    assert await store.meters.backlog() == MeterBacklog(counted, after(2))
    (refused,) = await store.meters.events(UsageEventState.REFUSED)
    assert refused.note == "why"
    assert await store.meters.event(first.leg) == replace(first, state=UsageEventState.SENT)


async def test_what_was_tried_and_sent_is_found_for_comparison(store: SqlStore) -> None:
    await store.commit(metered(replace(ended_leg(billed_s=120), ended_at=after(5))))
    event = await only(store)
    tried = replace(event, tried_at=NOON, customer="cus_1")
    await store.commit([tried.moved(UsageEventState.SENDING)])
    assert [e.leg for e in await store.meters.tried("cus_1", NOON, after(6))] == [event.leg]
    assert await store.meters.tried("cus_1", NOON, after(5)) == []
    assert await store.meters.minutes("acme", NOON, after(6)) == {UsageEventState.SENDING: 2}
    await store.commit([tried.moved(UsageEventState.SENT)])
    assert await store.meters.minutes("acme", NOON, after(6)) == {UsageEventState.SENT: 2}
    assert await store.meters.minutes("acme", NOON, after(5)) == {}

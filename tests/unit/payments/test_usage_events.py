"""An operator's decisions about unsent usage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.metering.usage_event import LegMetered, UsageEventState
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.payments.usage_events import UsageEvents
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from tests.support.kernel.actors import named
from tests.support.kernel.clock import Clock
from tests.support.store.records import NOON, after, ended_leg

ACME = Tenant("acme", "pro", usage_collection=UsageCollection(CollectionMethod.METER_EVENTS))
LEG = str(ended_leg().key)


@pytest.fixture
async def store(shared_place: DatabaseUrl) -> AsyncIterator[SqlStore]:
    async with await SqlStore.open(database_at(shared_place)) as store:
        await store.commit([ended_leg(), LegMetered(ended_leg().key)])
        yield store


def usage(store: SqlStore) -> UsageEvents:
    writer = AccountWriter(
        store,
        Registry([Plan("pro")], [ACME]),
        Clock(after(60)),
        lambda _: None,
        asyncio.Lock(),
    )
    return UsageEvents(store.meters, store, writer)


async def stuck(store: SqlStore) -> None:
    event = await store.meters.event(LEG)
    assert event is not None
    tried = replace(event, tried_at=NOON)
    await store.commit([tried.moved(UsageEventState.UNDECIDED, "no sum fits")])


async def test_what_needs_a_person_is_listed(store: SqlStore) -> None:
    await stuck(store)
    view = await usage(store).view("acme")
    assert view.unsent == {UsageEventState.UNDECIDED: 1}
    assert [event.leg for event in view.events] == [LEG]
    assert (await usage(store).view("globex")).events == ()


@pytest.mark.parametrize(
    ("again", "state"), [(True, UsageEventState.WAITING), (False, UsageEventState.SENT)]
)
async def test_a_decision_is_carried_out_and_audited(
    store: SqlStore, *, again: bool, state: UsageEventState
) -> None:
    await stuck(store)
    await usage(store).decide(LEG, named("alice"), again=again)
    event = await store.meters.event(LEG)
    assert event is not None
    assert event.state is state
    assert (event.tried_at is None) is again
    (row,) = await store.audit()
    assert (row.actor, row.subject) == ("alice", f"leg {LEG}")


async def test_what_goes_its_way_is_not_to_be_decided(store: SqlStore) -> None:
    with pytest.raises(AdministrationError, match="is waiting: there is nothing to decide"):
        await usage(store).decide(LEG, named("alice"), again=True)

"""Which legs get a meter event, and that it is stored together with its leg."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.administer import CallAdministration
from pbxbilling.calls.engine.record_sink import Recorder
from pbxbilling.calls.live.facts import LegAnswered, LegEnded
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.calls.metering.usage_event import LegMetered
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.records import Record
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from tests.support.kernel.actors import named
from tests.support.kernel.clock import Clock
from tests.support.store.records import NOON, after, ended_leg
from tests.support.store.whole_store import WholeStore

METER = UsageCollection(CollectionMethod.METER_EVENTS)
BOTH = frozenset({LegDirection.OUTBOUND, LegDirection.INBOUND})
INBOUND: dict[str, Any] = {"direction": LegDirection.INBOUND}
ACME = Tenant("acme", "pro", usage_collection=METER)


class Queue:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def put(self, record: Record) -> None:
        self.records.append(record)


def book(plan: Plan | None = None, **tenant: Any) -> Registry:
    return Registry([plan or Plan("pro")], [replace(ACME, **tenant)])


def kept(leg: LegRecord, registry: Registry, corrects: LegRecord | None = None) -> list[Record]:
    queue = Queue()
    recorder = Recorder(queue, registry, admissions=False)
    recorder(LegAnswered(NOON, replace(leg, ended_at=None)))
    queue.records.clear()
    recorder(LegEnded(after(60), leg, corrects))
    return queue.records


def test_a_billable_leg_goes_to_the_store_with_its_event() -> None:
    leg = ended_leg()
    assert kept(leg, book()) == [leg, LegMetered(leg.key)]


@pytest.mark.parametrize(
    ("leg", "accounts"),
    [
        (ended_leg(), book(demo=True)),
        (ended_leg(), book(usage_collection=UsageCollection(CollectionMethod.INVOICE_ITEMS))),
        (ended_leg(), book(usage_collection=UsageCollection())),
        (ended_leg(**INBOUND), book()),
        (ended_leg(tenant=None), book()),
        (ended_leg(talk_s=0), book()),
    ],
)
def test_what_no_meter_charges_has_none(leg: LegRecord, accounts: Registry) -> None:
    assert kept(leg, accounts) == [leg]


def test_inbound_has_one_where_the_plan_includes_it() -> None:
    leg = ended_leg(**INBOUND)
    accounts = book(Plan("pro", included_directions=BOTH))
    assert kept(leg, accounts) == [leg, LegMetered(leg.key)]


def test_the_way_of_the_period_in_which_it_ended_counts() -> None:
    leg = ended_leg(talk_s=60)
    assert leg.ended_at is not None
    ends = leg.ended_at
    since = UsageCollection(CollectionMethod.METER_EVENTS, CollectionMethod.NONE, ends)
    assert len(kept(leg, book(usage_collection=since))) == 2
    later = replace(since, since=ends + timedelta(microseconds=1))
    assert len(kept(leg, book(usage_collection=later))) == 1


def test_a_leg_that_is_corrected_to_nothing_corrects_its_event() -> None:
    leg = ended_leg(talk_s=0)
    assert kept(leg, book(), corrects=ended_leg()) == [leg, LegMetered(leg.key)]


async def assign(store: WholeStore, accounts: Registry) -> None:
    clock = Clock(after(3600))
    writer = AccountWriter(store, accounts, clock, lambda _: None, asyncio.Lock())
    leg = ended_leg(tenant=None, billed_s=0, allowance_s=0)
    await store.commit([leg])
    in_force = InForce(Policy(), accounts)
    await CallAdministration(store, store, writer, clock, in_force).usage.assign(
        str(leg.key), "acme", named("me")
    )


async def test_a_leg_that_is_assigned_later_is_metered_then(shared_place: DatabaseUrl) -> None:
    async with await SqlStore.open(database_at(shared_place)) as store:
        await assign(store, book())
        (event,) = await store.meters.due(after(3600), after(3600), 10)
    assert (event.tenant, event.minutes) == ("acme", 1)


async def test_an_assigned_leg_of_a_demo_is_not(shared_place: DatabaseUrl) -> None:
    async with await SqlStore.open(database_at(shared_place)) as store:
        await assign(store, book(demo=True))
        assert await store.meters.due(after(3600), after(3600), 10) == []

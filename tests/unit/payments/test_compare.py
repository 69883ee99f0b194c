"""Statement and meter are compared by the period in which legs ended, over the real store."""

from __future__ import annotations

from datetime import timedelta

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.calls.metering.usage_event import LegMetered, MeterEventMoved, UsageEventState
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.records import Record
from pbxbilling.payments.compare import Comparison
from pbxbilling.payments.usage_check import MeteredPeriod
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from tests.support.billing.records import DECEMBER, copy_of, saved
from tests.support.store.records import ended_leg

METERED = Tenant("acme", "p", usage_collection=UsageCollection(CollectionMethod.METER_EVENTS))
FIRST, SECOND = ended_leg("1.1", talk_s=61), ended_leg("1.2", talk_s=5)
BILLED = [copy_of(FIRST, billed_s=120, charged_s=120), copy_of(SECOND, included_s=60, charged_s=0)]


def sent(
    leg: LegRecord, minutes: int, state: UsageEventState = UsageEventState.SENT
) -> MeterEventMoved:
    return MeterEventMoved(str(leg.key), state, minutes, 1, None, "cus_1")


async def compared(
    place: DatabaseUrl, *records: Record, tenant: Tenant = METERED, month: str = "2026-11"
) -> list[MeteredPeriod]:
    metered = [LegMetered(FIRST.key), LegMetered(SECOND.key)]
    async with await SqlStore.open(database_at(place)) as store:
        await store.commit([FIRST, SECOND, saved(), *metered])
        await store.commit(records)
        registry = Registry([Plan("p")], [tenant])
        return await Comparison(registry, store.statement_store, store.meters).periods(month)


async def test_what_the_meter_has_minute_by_minute_is_no_difference(
    shared_place: DatabaseUrl,
) -> None:
    (found,) = await compared(shared_place, *BILLED, sent(FIRST, 2), sent(SECOND, 1))
    assert (found.statement, found.sent, found.difference) == (3, 3, 0)


async def test_a_call_that_no_minutes_are_charged_for_is_no_difference(
    shared_place: DatabaseUrl,
) -> None:
    inbound = copy_of(SECOND, direction=LegDirection.INBOUND, billed_s=60, charged_s=0)
    (found,) = await compared(shared_place, BILLED[0], inbound, sent(FIRST, 2))
    assert (found.statement, found.difference) == (2, 0)


async def test_a_month_that_nobody_closed_has_none(shared_place: DatabaseUrl) -> None:
    interim = saved("2026-10", number=1)
    assert await compared(shared_place, interim, month="2026-10") == []


async def test_what_was_not_sent_is_missing_and_told_apart(shared_place: DatabaseUrl) -> None:
    refused = sent(SECOND, 1, UsageEventState.REFUSED)
    (found,) = await compared(shared_place, *BILLED, sent(FIRST, 2), refused)
    assert found == MeteredPeriod("acme", "2026-11", metered=True, statement=3, sent=2, unsent=1)
    assert found.difference == 1


async def test_a_late_leg_belongs_to_the_period_that_it_ended_in(shared_place: DatabaseUrl) -> None:
    late = copy_of(SECOND, month="2026-12", of_month="2026-11", billed_s=60)
    december = saved("2026-12", begins=DECEMBER, ends=DECEMBER + timedelta(days=31))
    both = (sent(FIRST, 2), sent(SECOND, 1))
    (found,) = await compared(shared_place, BILLED[0], late, december, *both)
    assert found.difference == 0


async def test_a_corrected_leg_counts_as_it_was_charged_last(shared_place: DatabaseUrl) -> None:
    corrected = copy_of(FIRST, month="2026-12", of_month="2026-11", charged_s=60)
    (found,) = await compared(shared_place, *BILLED, corrected, sent(FIRST, 2), sent(SECOND, 1))
    assert (found.statement, found.sent, found.difference) == (2, 3, -1)


async def test_events_of_a_period_that_they_do_not_charge_are_too_many(
    shared_place: DatabaseUrl,
) -> None:
    unmetered = Tenant("acme", "p")
    (found,) = await compared(shared_place, *BILLED, sent(FIRST, 2), tenant=unmetered)
    assert (found.metered, found.difference) == (False, -2)

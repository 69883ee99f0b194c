"""Fills the database of a large site: what the lists of the API are measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from bench.core import tenant_name
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.periods import cursor_of
from pbxbilling.billing.rating.rating import RatedLeg, UsedLeg
from pbxbilling.billing.records import FINAL, BilledLeg, SavedStatement
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import Cycle, Limits, Plan
from pbxbilling.kernel.audit import system
from pbxbilling.kernel.codes import Outcome
from pbxbilling.kernel.period import Period, period_of
from pbxbilling.kernel.records import Cursor, Record
from pbxbilling.store.database.database import Database
from pbxbilling.store.store import SqlStore
from tests.support.billing.statements import Office
from tests.support.store.records import decision, ended_leg

TENANTS = 10_000
DECISIONS = 1_000_000
LEGS = 100_000
EARLIER_LEGS = 10_000
BUSY = tenant_name(TENANTS // 2)
"""The tenant with many legs."""

_PART = 5_000
_PLAN = Plan(
    "basic",
    name="Basic",
    included_minutes=600,
    currency="EUR",
    prices={Cycle.MONTH: 1000},
    overage_per_minute_micros=20_000,
    limits=Limits(max_calls=100),
    destinations=tuple(DestinationRate(str(prefix), 10_000 + prefix) for prefix in range(30, 60)),
)


async def fill(database: Database, now: datetime) -> None:
    """Write tenants, a million decisions, the busy tenant's legs, and the statements of a month."""
    period = _period(now)
    async with await SqlStore.open(database) as store:
        await _written(store, iter([_PLAN, *map(_tenant, range(TENANTS))]))
        await _written(
            store, (Cursor(cursor_of(tenant_name(n)), period.begins) for n in range(TENANTS))
        )
        await _written(store, _decisions(now))
        await _written(store, _legs(replace(period, ends=now), LEGS))
        await _written(store, _statements(await _document(), _before(period)))


async def fill_earlier(database: Database, now: datetime, months: int) -> None:
    """Write the statements of so many months before that of `fill`, and the legs on them."""
    period, document = _before(_period(now)), await _document()
    async with await SqlStore.open(database) as store:
        for _ in range(months):
            period = _before(period)
            legs = [*_legs(period, EARLIER_LEGS)]
            await _written(store, _statements(document, period))
            await _written(store, iter(legs))
            await _written(store, (_billed(leg, period.month) for leg in legs))


async def _written(store: SqlStore, records: Iterator[Record]) -> None:
    while part := [*islice(records, _PART)]:
        await store.commit(part)


def _period(now: datetime) -> Period:
    return period_of(f"{now:%Y-%m}", "UTC", 1)


def _before(period: Period) -> Period:
    return _period(period.begins - timedelta(days=1))


def _tenant(number: int) -> Tenant:
    name = tenant_name(number)
    return Tenant(
        name,
        "basic",
        name=f"Tenant {number}",
        email=f"{name}@example.org",
        address="Main Street 1\n12345 Town",
        accountcodes=(name,),
        dids=(f"+1555{number:07}",),
    )


def _decisions(now: datetime) -> Iterator[Record]:
    """Yield those of a month, one in twenty of them refused."""
    step = timedelta(days=30) / DECISIONS
    for number in range(DECISIONS):
        outcome = Outcome.ADMIT if number % 20 else Outcome.REFUSE
        yield decision(
            outcome=outcome,
            at=now - step * (DECISIONS - number),
            tenant=tenant_name(number * 7919 % TENANTS),
            uniqueid=f"1.{number}",
            call=f"c{number}",
        )


def _legs(period: Period, count: int) -> Iterator[LegRecord]:
    step = (period.ends - period.begins) / count
    for number in range(count):
        ends = period.begins + step * number
        yield replace(
            ended_leg(),
            key=ChannelKey("pbx1", f"{period.month}.{number}"),
            call=f"{period.month}-{number}",
            tenant=BUSY,
            number=f"+{30 + number % 30}123456",
            started_at=ends - timedelta(seconds=100),
            answered_at=ends - timedelta(seconds=95),
            ended_at=ends,
            talk_us=95_000_000,
            billed_s=120,
            allowance_s=120,
            month=period.month,
        )


def _billed(leg: LegRecord, month: str) -> BilledLeg:
    rated = RatedLeg(UsedLeg.of(leg), billed_s=120, charged_s=120, rate_micros=10_030, line="x")
    return BilledLeg(BUSY, month, month, rated)


async def _document() -> SavedStatement:
    """Return a statement as billing makes it."""
    office = Office("2026-11-20T12:00")
    return await office.statements.save_now("acme", system("bench"))


def _statements(like: SavedStatement, period: Period) -> Iterator[SavedStatement]:
    of_period = replace(
        like,
        number=FINAL,
        month=period.month,
        begins=period.begins,
        ends=period.ends,
        made_at=period.ends.astimezone(UTC) + timedelta(minutes=1),
    )
    for number in range(TENANTS):
        yield replace(of_period, tenant=tenant_name(number))

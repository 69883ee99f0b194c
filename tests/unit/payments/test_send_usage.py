"""Usage is sent in order and once, through outages, kills, lost answers and corrections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest

from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.live.records import EndWitness, LegRecord
from pbxbilling.calls.metering.usage_event import LegMetered, MeterReport, UsageEventState
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.kernel.facts import Fact
from pbxbilling.payments.facts import UsageDelayed, UsageResumed, UsageSent
from pbxbilling.payments.payers import TenantPayers
from pbxbilling.payments.send_usage import BATCH, UsageSender
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.subscriptions.facts import PaymentAlert
from pbxbilling.subscriptions.subscription import Subscription
from tests.support.kernel.clock import Clock
from tests.support.payments.memory_meter import MemoryMeter
from tests.support.store.records import after, ended_leg
from tests.support.subscriptions.records import subscription

SENT, SENDING, WAITING = UsageEventState.SENT, UsageEventState.SENDING, UsageEventState.WAITING

ACME = Tenant("acme", "basic", customer="cus_1")


class Desk:
    """The usage sender on a real store, before a meter in memory."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.clock = Clock(after(3600))
        self.meter = MemoryMeter(self.clock.now)
        self.facts: list[Fact] = []
        self.known: dict[str, datetime | None] = {}
        self.registry = Registry([Plan("basic")], [ACME])
        self.start()

    def start(self) -> None:
        """Start another life of the sender."""
        self.feed = UsageSender(
            self.meter,
            self.store.meters,
            self.store,
            TenantPayers(self.registry, self.store.subscription_store, live=False),
            lambda: self.known,
            self.clock,
            self.facts.append,
        )

    def passes(self, **time: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(**time))

    async def ended(self, *legs: LegRecord) -> None:
        for leg in legs:
            await self.store.commit([leg, LegMetered(leg.key)])

    async def outcome_lost(self, leg: LegRecord, *, arrived: bool) -> None:
        """Put a leg on record whose event was in flight when the daemon ended."""
        await self.ended(leg)
        event = await self.store.meters.event(str(leg.key))
        assert event is not None
        claimed = replace(event, customer="cus_1", tried_at=self.clock.now(), attempts=1)
        await self.store.commit([claimed.moved(SENDING)])
        if arrived:
            await self.meter.send(event, "cus_1")

    async def state(self, uniqueid: str = "1795222182.1") -> UsageEventState:
        event = await self.store.meters.event(f"main:{uniqueid}")
        assert event is not None
        return event.state

    def facts_of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def alert(self) -> str:
        (alert,) = self.facts_of(PaymentAlert)
        assert isinstance(alert, PaymentAlert)
        return f"{alert.subject}: {alert.note}"


@pytest.fixture
async def desk(shared_place: DatabaseUrl) -> AsyncIterator[Desk]:
    async with await SqlStore.open(database_at(shared_place)) as store:
        yield Desk(store)


def leg(number: int, minutes: int = 1) -> LegRecord:
    return replace(ended_leg(f"1.{number}", billed_s=60 * minutes), ended_at=after(number))


async def test_minutes_go_out_in_the_order_in_which_legs_ended(desk: Desk) -> None:
    await desk.ended(*(leg(number) for number in (3, 1, 2)))
    assert await desk.feed.send_batch() == 3
    assert desk.meter.legs == ["main:1.1", "main:1.2", "main:1.3"]
    assert await desk.feed.send_batch() == 0
    assert len(desk.facts_of(UsageSent)) == 3


async def test_an_outage_is_reported_once_and_nothing_is_tried_in_vain(desk: Desk) -> None:
    await desk.ended(*(leg(number) for number in range(BATCH)))
    desk.meter.away = True
    pauses = [await desk.feed.round() for _ in range(3)]
    assert all(pause >= 1 for pause in pauses)
    assert desk.meter.asked <= 3 * 4
    desk.meter.away = False
    await desk.feed.round()
    assert len(set(desk.meter.legs)) == len(desk.meter.legs) == BATCH
    assert (len(desk.facts_of(UsageDelayed)), len(desk.facts_of(UsageResumed))) == (1, 1)


ENDED = after(100)


class Told(NamedTuple):
    """What becomes of one leg: whether it is sent, its state, and what an operator is told."""

    sent: bool
    state: UsageEventState
    alert: str


ON_AN_INVOICE = Told(sent=True, state=SENT, alert="")
PERHAPS = Told(sent=True, state=SENT, alert="look whether its last invoice has it")
ON_NONE = Told(sent=False, state=UsageEventState.REFUSED, alert="1 calls was not sent (refused)")
OVER = subscription(status=Status.CANCELLED, ends_at=ENDED, as_of=after(130))
OVER_OF_OLD = replace(OVER, ends_at=None, as_of=ENDED)  # mirrored before ends were


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.ACTIVE])
@pytest.mark.parametrize(
    ("leg_ends", "known", "told"),
    [
        (99, [OVER], PERHAPS),
        (101, [OVER], ON_NONE),
        (101, [OVER_OF_OLD], ON_NONE),
        (101, [OVER, subscription("sub_2", created_at=after(200))], ON_NONE),
        (101, [OVER, replace(OVER, id="sub_2")], ON_NONE),
        (101, [OVER, replace(OVER, id="sub_2", ends_at=after(150))], PERHAPS),
        (201, [OVER, subscription("sub_2", created_at=after(200))], ON_AN_INVOICE),
        (101, [OVER, subscription("sub_2")], ON_AN_INVOICE),
        (101, [OVER, subscription("sub_2", live=True)], ON_NONE),
        (101, [OVER, subscription("sub_2", customer="cus_2")], ON_NONE),
        (101, [replace(OVER, customer="cus_2")], ON_AN_INVOICE),
        (101, [subscription(status=Status.PAST_DUE)], ON_AN_INVOICE),
        (101, [], ON_AN_INVOICE),
    ],
)
async def test_usage_after_a_subscriptions_end_reaches_an_invoice_or_a_person(
    desk: Desk, status: Status, leg_ends: int, known: list[Subscription], told: Told
) -> None:
    acme = replace(desk.registry.tenants["acme"], status=status, status_since=after(210))
    desk.registry.put_tenant(acme)
    await desk.store.commit(known)
    await desk.ended(leg(leg_ends))
    await desk.feed.round()
    alerts = [fact.note for fact in desk.facts if isinstance(fact, PaymentAlert)]
    assert (bool(desk.meter.taken), await desk.state(f"1.{leg_ends}")) == told[:2]
    assert told.alert in alerts[0] if told.alert else not alerts


async def test_what_may_have_arrived_before_the_end_is_never_refused(desk: Desk) -> None:
    desk.registry.put_tenant(replace(desk.registry.tenants["acme"], status=Status.CANCELLED))
    await desk.outcome_lost(leg(101), arrived=True)
    await desk.store.commit([OVER])
    await desk.feed.round()
    assert await desk.state("1.101") is SENT
    assert "look whether its last invoice has it" in desk.alert()


async def test_a_lost_answer_within_a_day_is_asked_for_again(desk: Desk) -> None:
    await desk.ended(leg(1, minutes=2))
    desk.meter.answers_lost = True
    await desk.feed.round()
    assert await desk.state("1.1") is SENDING
    desk.meter.answers_lost = False
    desk.passes(hours=22)
    desk.start()
    await desk.feed.round()
    assert await desk.state("1.1") is SENT
    assert [one.minutes for one in desk.meter.taken] == [2]


@pytest.mark.parametrize("arrived", [True, False])
async def test_after_a_day_the_meters_sum_says_whether_it_arrived(
    desk: Desk, *, arrived: bool
) -> None:
    await desk.ended(leg(0, minutes=7))
    await desk.feed.round()
    for one in (leg(1), leg(2, minutes=5)):
        await desk.outcome_lost(one, arrived=arrived)
    desk.passes(hours=30)
    await desk.feed.round()
    assert sorted(one.minutes for one in desk.meter.taken) == [1, 5, 7]
    assert [await desk.state("1.1"), await desk.state("1.2")] == [SENT, SENT]


async def test_where_the_sum_fits_neither_a_person_decides(desk: Desk) -> None:
    await desk.outcome_lost(leg(1), arrived=True)
    await desk.outcome_lost(leg(2, minutes=5), arrived=False)
    desk.passes(hours=30)
    await desk.feed.round()
    assert len(desk.meter.taken) == 1
    assert await desk.state("1.2") is UsageEventState.UNDECIDED
    assert "usage of 2 calls was not sent (undecided)" in desk.alert()


async def test_usage_older_than_35_days_is_not_sent_and_raises_an_alert(desk: Desk) -> None:
    await desk.ended(leg(1))
    desk.passes(days=35)
    await desk.feed.round()
    assert desk.meter.taken == []
    assert await desk.state("1.1") is UsageEventState.TOO_OLD
    assert desk.alert().startswith("tenant acme: usage of 1 calls was not sent (too_old)")


async def test_a_lost_answer_that_grew_too_old_is_compared_and_never_sent_again(
    desk: Desk,
) -> None:
    await desk.ended(leg(1))
    desk.clock.move_to(after(0) + timedelta(days=34, hours=22))
    desk.meter.answers_lost = True
    await desk.feed.round()
    desk.meter.answers_lost = False
    desk.passes(hours=3)
    await desk.feed.round()
    assert await desk.state("1.1") is SENT
    assert len(desk.meter.taken) == 1


async def test_a_pbx_whose_clock_is_ahead_is_waited_for(desk: Desk) -> None:
    await desk.ended(leg(3600 + 400))
    await desk.feed.round()
    assert desk.meter.taken == []
    desk.passes(seconds=200)
    await desk.feed.round()
    assert len(desk.meter.taken) == 1


async def test_usage_waits_until_its_tenant_is_a_customer_and_holds_up_no_other(
    desk: Desk,
) -> None:
    await desk.ended(leg(1), replace(leg(2), tenant="globex"))
    desk.registry.put_tenant(replace(ACME, customer=None))
    desk.registry.put_tenant(replace(ACME, slug="globex", customer="cus_2"))
    await desk.feed.round()
    assert desk.meter.legs == ["main:1.2"]
    assert await desk.state("1.1") is UsageEventState.PARKED
    desk.registry.put_tenant(ACME)
    for _ in range(2):
        await desk.feed.round()
    assert desk.meter.legs == ["main:1.2", "main:1.1"]


async def test_an_estimated_end_waits_for_the_journal_and_a_day_at_most(desk: Desk) -> None:
    guess = replace(leg(1), witness=EndWitness.ESTIMATED)
    await desk.ended(guess, replace(leg(2), witness=EndWitness.ESTIMATED))
    desk.known = {"main": None, "other": after(9999)}
    await desk.feed.round()
    assert desk.meter.taken == []
    await desk.ended(replace(guess, witness=EndWitness.JOURNAL, billed_s=180))
    await desk.feed.round()
    assert [(one.leg, one.minutes) for one in desk.meter.taken] == [("main:1.1", 3)]
    desk.passes(hours=24)
    await desk.feed.round()
    assert len(desk.meter.taken) == 2


async def test_it_waits_no_longer_than_the_journal_takes_to_be_read(desk: Desk) -> None:
    await desk.ended(replace(leg(1), witness=EndWitness.ESTIMATED))
    desk.known = {"main": after(2)}
    await desk.feed.round()
    assert len(desk.meter.taken) == 1


async def test_refused_usage_is_reported_and_delays_no_other(desk: Desk) -> None:
    await desk.ended(leg(1), leg(2))
    desk.meter.refused = {"main:1.1"}
    await desk.feed.round()
    assert await desk.state("1.1") is UsageEventState.REFUSED
    assert desk.meter.legs == ["main:1.2"]
    assert "(refused)" in desk.alert()


async def test_a_leg_corrected_after_sending_is_reported_once(desk: Desk) -> None:
    guess = replace(leg(1), witness=EndWitness.ESTIMATED)
    await desk.ended(guess)
    desk.passes(hours=25)
    await desk.feed.round()
    await desk.ended(replace(guess, witness=EndWitness.JOURNAL, billed_s=240))
    for _ in range(2):
        await desk.feed.round()
        desk.passes(seconds=60)
    assert "sent as 1 minutes, but has 4 by the journal" in desk.alert()


async def test_a_leg_that_was_corrected_to_nothing_costs_nothing(desk: Desk) -> None:
    await desk.ended(replace(leg(1), billed_s=0))
    await desk.feed.round()
    assert desk.meter.asked == 0
    assert await desk.state("1.1") is SENT


async def test_usage_that_stripe_reports_as_bad_is_marked_and_raises_an_alert(desk: Desk) -> None:
    await desk.ended(leg(1), leg(2))
    await desk.feed.round()
    await desk.ended(leg(3))
    codes = {"main:1.1": "meter_event_customer_not_found", "main:1.3": "x", "nobody": "x"}
    desk.meter.reports["evt_1"] = MeterReport(7, codes, "7 invalid events")
    await desk.feed.reported("evt_1")
    assert await desk.state("1.1") is UsageEventState.REFUSED
    assert await desk.state("1.2") is SENT
    assert await desk.state("1.3") is WAITING  # it cannot have been bad
    notes = [fact.note for fact in desk.facts if isinstance(fact, PaymentAlert)]
    assert notes[-1] == "7 meter events were not used: 7 invalid events"


async def test_a_report_that_cannot_be_fetched_changes_nothing(desk: Desk) -> None:
    desk.meter.away = True
    with pytest.raises(GatewayError):
        await desk.feed.reported("evt_1")
    assert desk.facts == []

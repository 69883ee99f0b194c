"""Our meter events, as Stripe accepts and sums them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pbxbilling.calls.metering.usage_event import MeterEvent
from pbxbilling.gateways.stripe.client import StripeApi
from pbxbilling.gateways.stripe.meter import StripeMeter
from pbxbilling.kernel.errors import GatewayError, RejectedError
from rig.fakestripe import FakeStripe, Fault


@pytest.fixture
def meter(fake: FakeStripe, api: StripeApi) -> StripeMeter:
    fake.clock.set(datetime(2026, 11, 21, 12, tzinfo=UTC))  # a minute begins
    return StripeMeter(api)


def minute(fake: FakeStripe) -> datetime:
    """Return the whole minute of Stripe's clock."""
    return datetime.fromtimestamp(fake.clock.now() // 60 * 60, UTC)


def event(fake: FakeStripe, leg: str = "pbx1:1.1", minutes: int = 2) -> MeterEvent:
    return MeterEvent(leg, "acme", "2026-11", minute(fake), minutes, minutes)


async def total(meter: StripeMeter, fake: FakeStripe, customer: str) -> int:
    begins = minute(fake)
    return await meter.minutes(customer, begins, begins + timedelta(minutes=1))


async def test_an_event_sent_twice_counts_once(meter: StripeMeter, fake: FakeStripe) -> None:
    fake.create_meter()
    customer = fake.create_customer()
    for _ in range(2):
        await meter.send(event(fake), customer)
    await meter.send(event(fake, "pbx1:1.2", 3), customer)
    assert await total(meter, fake, customer) == 5
    assert await total(meter, fake, fake.create_customer()) == 0


async def test_one_whose_answer_was_lost_has_arrived(meter: StripeMeter, fake: FakeStripe) -> None:
    fake.create_meter()
    customer = fake.create_customer()
    fake.break_api(Fault.ANSWER_LOST, path="/v1/billing/meter_events", times=1)
    with pytest.raises(GatewayError) as told:
        await meter.send(event(fake), customer)
    assert told.value.away
    await meter.send(event(fake), customer)
    assert await total(meter, fake, customer) == 2


async def test_what_stripe_never_takes_is_no_outage(meter: StripeMeter, fake: FakeStripe) -> None:
    fake.create_meter()
    old = MeterEvent("pbx1:1.1", "acme", "2026-11", minute(fake) - timedelta(days=36), 1, 1)
    with pytest.raises(RejectedError, match="within the past 35 days"):
        await meter.send(old, fake.create_customer())


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.RATE_LIMITED, Fault.NONSENSE])
async def test_an_outage_is_no_refusal(meter: StripeMeter, fake: FakeStripe, fault: Fault) -> None:
    fake.break_api(fault)
    with pytest.raises(GatewayError) as told:
        await meter.send(event(fake), "cus_1")
    assert not isinstance(told.value, RejectedError)


async def test_without_a_meter_the_mend_is_told(meter: StripeMeter, fake: FakeStripe) -> None:
    with pytest.raises(GatewayError, match="no active meter voice_call_minutes: create it there"):
        await total(meter, fake, fake.create_customer())


async def test_a_report_names_the_bad_ones(meter: StripeMeter, fake: FakeStripe) -> None:
    made = fake.create_meter()
    await meter.send(event(fake), "cus_unknown")
    report = await meter.report(fake.report_meter_errors(made))
    assert report.events == 1
    assert report.samples == {"pbx1:1.1": "meter_event_customer_not_found"}
    assert report.summary == "There are 1 invalid events."

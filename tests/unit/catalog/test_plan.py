"""The properties of a plan."""

from __future__ import annotations

from dataclasses import replace

from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import BillingIncrement, Plan, unmeterable
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.kernel.codes import LegDirection

PLAIN = Plan("plain", included_minutes=500, overage_per_minute_micros=500_000)


def test_a_meter_of_whole_minutes_can_charge_a_plan_of_whole_minutes() -> None:
    assert unmeterable(PLAIN) == ()
    assert unmeterable(replace(PLAIN, included_directions=frozenset(LegDirection))) == ()


def test_every_reason_why_such_a_meter_cannot_charge_a_plan_is_told() -> None:
    odd = replace(
        PLAIN,
        billing_increment=BillingIncrement(6, 6),
        price_per_call_micros=1,
        destinations=(DestinationRate("44", 1),),
        meters=(UnitPrice("words", 20_000),),
    )
    assert unmeterable(odd) == (
        "its billing increment, 6/6, is not whole minutes",
        "it has a price per call",
        "it has rates by destination",
        "it has meters of other units",
    )

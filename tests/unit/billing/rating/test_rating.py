"""The cost of calls. The tables are worked out by hand."""

from __future__ import annotations

from datetime import date

import pytest

from pbxbilling.billing.rating.rating import RatedLeg, Rating, UsedLeg, rate
from pbxbilling.billing.rating.tariff import switched
from pbxbilling.calls.live.records import EndWitness
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import BillingIncrement
from pbxbilling.kernel.codes import LegDirection
from tests.support.billing.tariffs import all_month, moment, tariff, used
from tests.support.store.records import ended_leg, leg

INBOUND = LegDirection.INBOUND
BOTH = frozenset(LegDirection)


def lines(rating: Rating) -> list[tuple[str, int, int]]:
    """Return key, quantity and amount of each charge."""
    return [(charge.key, charge.quantity, charge.amount) for charge in rating.charges]


def month_of(*seconds: float) -> list[UsedLeg]:
    """Return one leg a day, in this order."""
    return [used(s, day, f"pbx1:{day}") for day, s in enumerate(seconds, start=1)]


@pytest.mark.parametrize(
    ("talk_s", "increment", "billed_s"),
    [
        (61, "60/60", 120),
        (61, "6/6", 66),
        (61, "30/6", 66),
        (61, "60/1", 61),
        (60.2, "60/60", 120),
        (60.2, "1/1", 61),
        (60, "60/60", 60),
        (59.999999, "60/60", 60),
        (60.000001, "60/60", 120),
        (0.000001, "60/60", 60),
        (0.000001, "0/1", 1),
        (0, "60/60", 0),
        (0, "0/1", 0),
        (29, "30/6", 30),
        (30, "30/6", 30),
        (31, "30/6", 36),
        (3600, "60/60", 3600),
        (86_401, "60/60", 86_460),
    ],
)
def test_a_leg_is_charged_by_first_block_and_steps(
    talk_s: float, increment: str, billed_s: int
) -> None:
    terms = all_month(included_minutes=0, billing_increment=BillingIncrement.parse(increment))
    (rated,) = rate([used(talk_s)], terms).legs
    assert (rated.billed_s, rated.charged_s) == (billed_s, billed_s)


@pytest.mark.parametrize(
    ("talk_s", "included_minutes", "micros", "charged"),
    [
        # Three calls, 61 s of talk: three whole minutes.
        ((20, 20, 21), 0, 500_000, (180, 150)),
        # The same with two of them included.
        ((20, 20, 21), 2, 500_000, (60, 50)),
        # Exactly used up.
        ((60, 60), 2, 500_000, None),
        # Straddled: 4 minutes and 3 minutes with 5 included.
        ((240, 180), 5, 500_000, (120, 100)),
        # Whole minutes are added up first, then the allowance is subtracted: thrice 61 s are 6.
        ((61, 61, 61), 4, 100_000, (120, 20)),
        # Half a cent rounds to a cent, once per line: thrice 0.005 is 1.5 cents.
        ((60,), 0, 5_000, (60, 1)),
        ((60, 60, 60), 0, 5_000, (180, 2)),
        ((60,), 0, 4_999, (60, 0)),
        # No call had talk time.
        ((0, 0), 0, 500_000, None),
        # Unlimited.
        ((6_000,), None, 500_000, None),
    ],
)
def test_a_month_is_charged_as_by_hand(
    talk_s: tuple[int, ...],
    included_minutes: int | None,
    micros: int,
    charged: tuple[int, int] | None,
) -> None:
    terms = all_month(included_minutes=included_minutes, overage_per_minute_micros=micros)
    expected = [] if charged is None else [(f"overage:{micros}", *charged)]
    assert lines(rate(month_of(*talk_s), terms)) == expected


def test_seconds_beyond_an_allowance_of_minutes_are_charged_as_seconds() -> None:
    terms = all_month(included_minutes=1, billing_increment=BillingIncrement(6, 6))
    assert lines(rate(month_of(61), terms)) == [("overage:500000", 6, 5)]


def test_the_allowance_is_used_in_the_order_of_ends_and_ties_go_by_id() -> None:
    first, second, third = used(60, 3, "b"), used(120, 3, "c"), used(180, 4, "a")
    rating = rate([third, second, first], all_month(included_minutes=2))
    assert [(r.leg.key.uniqueid, r.included_s, r.charged_s) for r in rating.legs] == [
        ("b", 60, 0),
        ("c", 60, 60),
        ("a", 0, 180),
    ]
    assert (rating.allowance_s, rating.used_s) == (120, 120)


def test_inbound_costs_only_where_the_plan_includes_it() -> None:
    legs = [used(60, direction=INBOUND)]
    fees = {"included_minutes": 0, "price_per_call_micros": 10_000}
    assert lines(rate(legs, all_month(**fees))) == []
    assert lines(rate(legs, all_month(**fees, included_directions=BOTH))) == [
        ("overage:500000", 60, 50),
        ("calls:10000", 1, 1),
    ]


def test_a_price_per_call_is_charged_for_each_leg_that_talked() -> None:
    rating = rate(month_of(30, 0, 61), all_month(price_per_call_micros=75_000))
    assert lines(rating) == [("calls:75000", 2, 15)]
    assert [r.fee_micros for r in rating.legs] == [75_000, 0, 75_000]


def test_over_limit_and_estimated_legs_are_charged_as_any() -> None:
    marked = used(60, over_limit=True, estimated=True)
    rating = rate([marked], all_month(included_minutes=0))
    assert lines(rating) == [("overage:500000", 60, 50)]
    assert rating.legs[0].leg.estimated


EVERY_PRICE = {
    "included_minutes": 1,
    "included_directions": frozenset(LegDirection),
    "price_per_call_micros": 10_000,
    "destinations": (DestinationRate("112", 120_000),),
}


@pytest.mark.parametrize("direction", LegDirection)
@pytest.mark.parametrize("number", ["112", "911"])
def test_an_emergency_costs_nothing_and_uses_nothing(direction: LegDirection, number: str) -> None:
    call = used(600, number=number, direction=direction, emergency=True)
    rating = rate([call], all_month(**EVERY_PRICE))
    assert (lines(rating), rating.used_s, rating.legs) == ([], 0, (RatedLeg(call),))


def test_a_site_that_must_charges_emergencies_like_any_call() -> None:
    plain, emergency = used(600), used(600, emergency=True)
    terms = all_month(**EVERY_PRICE, emergency_charged=True)
    assert lines(rate([emergency], terms)) == lines(rate([plain], terms)) != []


def test_a_destination_costs_its_rate_alone_where_the_plan_includes_inbound_alone() -> None:
    terms = all_month(
        included_directions=frozenset({INBOUND}),
        price_per_call_micros=10_000,
        destinations=(DestinationRate("44", 1_000_000, "UK"),),
    )
    rating = rate([used(61, number="4420"), used(61, 3, "x"), used(60, 4, "y")], terms)
    assert lines(rating) == [("destination:44:1000000", 120, 200)]
    assert rating.charges[0].text == "Minutes to UK (44), which the plan gives a rate of its own"


def test_a_destination_is_charged_from_its_first_minute_and_uses_no_allowance() -> None:
    terms = all_month(included_minutes=1, destinations=(DestinationRate("44", 120_000, "UK"),))
    rating = rate([used(61, number="+4420"), used(60, 3, "x"), used(60, 4, "y")], terms)
    assert lines(rating) == [("overage:500000", 60, 50), ("destination:44:120000", 120, 24)]
    assert rating.charges[1].text == "Minutes to UK (44)"
    assert rating.used_s == 60


def test_a_destination_in_the_allowance_uses_it_up_and_costs_its_rate_beyond() -> None:
    terms = all_month(
        included_minutes=1, destinations=(DestinationRate("44", 120_000, in_allowance=True),)
    )
    rating = rate([used(61, number="4420"), used(60, 3, "x")], terms)
    assert lines(rating) == [("overage:500000", 60, 50), ("destination:44:120000", 60, 12)]


def test_a_destination_uses_no_allowance_of_calls_that_have_none() -> None:
    rates = (DestinationRate("44", 120_000, in_allowance=True),)
    terms = all_month(included_directions=frozenset({INBOUND}), destinations=rates)
    rating = rate([used(60, number="4420"), used(60, 3, "x")], terms)
    assert lines(rating) == [("destination:44:120000", 60, 12)]


def test_a_destination_is_where_a_call_goes_not_whence_it_comes() -> None:
    terms = all_month(included_minutes=0, destinations=(DestinationRate("44", 120_000),))
    assert lines(rate([used(60, number="4420", direction=INBOUND)], terms)) == []


@pytest.mark.parametrize(
    ("number", "day", "prefix"),
    [
        ("4420", 5, "44"),
        ("+447700", 5, "447"),
        ("447", 5, "447"),
        ("4479", 9, "447"),
        ("4479", 10, "4479"),
        ("4", 5, None),
        ("", 5, None),
        ("33", 5, None),
    ],
)
def test_the_longest_prefix_with_a_rate_in_force_is_the_one(
    number: str, day: int, prefix: str | None
) -> None:
    rates = (
        DestinationRate("44", 1_000_000),
        DestinationRate("447", 2_000_000),
        DestinationRate("4479", 3_000_000, since=date(2026, 11, 10)),
    )
    rating = rate([used(60, day, number=number)], all_month(destinations=rates))
    assert [charge.key.split(":")[1] for charge in rating.charges] == ([prefix] if prefix else [])


def test_a_rate_is_in_force_from_midnight_where_the_tenant_is() -> None:
    rates = (
        DestinationRate("44", 100_000),
        DestinationRate("44", 200_000, since=date(2026, 11, 10)),
    )
    terms = all_month(destinations=rates, timezone="Europe/Berlin")
    before = used(60, number="44", ended_at=moment(9, 23 * 3600 - 1))
    after = used(60, number="44", leg="x", ended_at=moment(9, 23 * 3600))
    assert lines(rate([before, after], terms)) == [
        ("destination:44:100000", 60, 10),
        ("destination:44:200000", 60, 20),
    ]


def test_a_changed_plan_shares_its_minutes_by_time_and_charges_by_the_tariff_of_the_end() -> None:
    bigger = tariff(plan="voice-1000", included_minutes=1000, overage_per_minute_micros=400_000)
    terms = switched(all_month(), bigger, moment(16))  # half of November
    early, late = used(749 * 60, 15, "early"), used(3 * 60, 16, "late")
    rating = rate([early, late], terms)
    assert rating.allowance_s == 750 * 60
    assert lines(rating) == [("overage:400000", 120, 80)]


def test_an_unlimited_part_of_a_period_takes_nothing_from_the_rest() -> None:
    terms = switched(all_month(included_minutes=None), tariff(), moment(16))
    rating = rate([used(6_000, 15, "a"), used(250 * 60, 17, "b"), used(60, 18, "c")], terms)
    assert lines(rating) == [("overage:500000", 60, 50)]


def test_a_leg_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="leg pbx1:1 occurs twice"):
        rate([used(60), used(60)], all_month())


def test_a_leg_is_read_from_its_record_once_it_has_ended() -> None:
    record = ended_leg(talk_s=61, witness=EndWitness.ESTIMATED, over_limit=True)
    used_leg = UsedLeg.of(record)
    assert (used_leg.id, used_leg.talk_us) == ("main:1795222182.1", 61_000_000)
    assert used_leg.estimated
    assert used_leg.over_limit
    with pytest.raises(ValueError, match="has not ended"):
        UsedLeg.of(leg())

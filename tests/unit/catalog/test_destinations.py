"""The price of a minute depends on the number, however it is spelled."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pbxbilling.billing.rating.rating import rate
from pbxbilling.billing.rating.tariff import Tariff
from pbxbilling.catalog.destinations import DestinationRate, DestinationRates
from pbxbilling.catalog.rates import ChargeKind
from pbxbilling.kernel.numbers import read
from tests.support.billing.tariffs import NOVEMBER, all_month, tariff, throughout, used
from tests.support.kernel.spellings import dialled, spelled_anew

DAY = date(2026, 11, 28)
PREFIXES = st.sampled_from(["0", "00", "0155", "0044", "44", "1", "155", "00155", "9"])
NEXT_YEAR = date(2027, 1, 1)


def tariffs(*since: date) -> st.SearchStrategy[Tariff]:
    """Return tariffs whose rates are in force from one of these days on."""
    rates = st.lists(
        st.builds(
            DestinationRate,
            prefix=PREFIXES,
            per_minute_micros=st.sampled_from([10_000, 120_000, 9_000_000]),
            since=st.sampled_from(since),
            in_allowance=st.booleans(),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda rate: (rate.prefix, rate.since),
    )
    return st.builds(
        lambda rates, minutes, overage: tariff(
            destinations=tuple(rates), included_minutes=minutes, overage_per_minute_micros=overage
        ),
        rates,
        st.sampled_from([None, 0, 1, 1000]),
        st.sampled_from([0, 500_000, 20_000_000]),
    )


TARIFFS = tariffs(date.min, date.min, NEXT_YEAR)


def price(number: str, terms: Tariff) -> int:
    rating = rate([used(61, number=number)], throughout(terms, NOVEMBER))
    return sum(charge.amount for charge in rating.charges)


def included_s(number: str, terms: Tariff) -> int:
    (leg,) = rate([used(61, number=number)], throughout(terms, NOVEMBER)).legs
    return leg.included_s


@given(dialled(), TARIFFS, st.data())
def test_separators_never_lower_a_price_nor_draw_on_an_allowance(
    number: str, terms: Tariff, data: st.DataObject
) -> None:
    spelled = data.draw(spelled_anew(number))
    assert price(spelled, terms) == price(number, terms)
    assert included_s(spelled, terms) == included_s(number, terms)


@given(st.text("0123456789", min_size=1, max_size=9), TARIFFS)
def test_a_plus_and_00_lead_to_one_rate(digits: str, terms: Tariff) -> None:
    assert price(f"+{digits}", terms) == price(f"00{digits}", terms)
    assert included_s(f"+{digits}", terms) == included_s(f"00{digits}", terms)


@given(dialled(), dialled(), TARIFFS)
def test_no_spelling_that_nobody_can_read_is_cheaper_than_a_number(
    unusable: str, number: str, terms: Tariff
) -> None:
    assume(not read(unusable).usable)
    assume(any(rate.since <= used(61).ended_at.date() for rate in terms.destinations))
    assert price(unusable, terms) >= price(number, terms)
    assert included_s(unusable, terms) == 0


@given(dialled(), tariffs(NEXT_YEAR))
def test_an_unusable_number_is_like_any_other_where_no_rate_is_in_force(
    unusable: str, terms: Tariff
) -> None:
    assert price(unusable, terms) == price("0155901", terms)


@pytest.mark.parametrize(
    ("number", "prefix"),
    [
        ("4420", "44"),
        ("+4420", "44"),
        ("004420", "44"),
        ("+33", "0033"),
        ("0033", "0033"),
        ("33", None),
        ("0155901", "0155"),
        ("+0155901", "0155"),
        ("0044155", "44"),
        ("+49", "00"),
        ("0049", "00"),
        ("049", "0"),
    ],
)
def test_the_longest_prefix_of_any_spelling_is_the_one(number: str, prefix: str | None) -> None:
    rates = [DestinationRate(p, 1) for p in ("44", "0033", "0155", "0", "00")]
    found = DestinationRates(rates).rate(number, DAY)
    assert (found and found.prefix) == prefix


def test_where_a_prefix_stands_with_00_and_without_the_dearer_rate_counts() -> None:
    rates = [DestinationRate("44", 2), DestinationRate("0044", 1)]
    for number in ("+4420", "004420"):
        found = DestinationRates(rates).rate(number, DAY)
        assert found is not None
        assert found.prefix == "44"


@pytest.mark.parametrize(("overage", "dearest"), [(0, 9_000_000), (10_000_000, 10_000_000)])
def test_an_unusable_number_costs_the_plans_dearest_minute_from_the_first_on(
    overage: int, dearest: int
) -> None:
    rates = (DestinationRate("0155", 9_000_000, "Premium"), DestinationRate("44", 120_000))
    terms = all_month(included_minutes=1000, overage_per_minute_micros=overage, destinations=rates)
    rating = rate([used(60, number="0155x901")], terms)
    (charge,) = rating.charges
    assert (charge.kind, charge.text) == (
        ChargeKind.DESTINATION,
        "Minutes to numbers that no carrier dials",
    )
    assert (charge.rate_micros, charge.quantity) == (dearest, 60)
    assert rating.used_s == 0


def test_a_rate_of_tomorrow_is_not_the_dearest_of_today() -> None:
    rates = (DestinationRate("0155", 9_000_000, since=date(2026, 11, 29)), DestinationRate("1", 5))
    table = DestinationRates(rates)
    today, tomorrow = table.dearest(DAY), table.dearest(date(2026, 11, 29))
    assert today is not None
    assert tomorrow is not None
    assert (today.per_minute_micros, tomorrow.per_minute_micros) == (5, 9_000_000)

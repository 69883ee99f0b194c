"""A plan change within a cycle is prorated by seconds, and never loses or makes a cent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.billing.rating.proration import price_parts, prorate
from pbxbilling.billing.rating.tariff import TariffVersion, switched
from pbxbilling.catalog.plan import Cycle
from pbxbilling.kernel.errors import ContradictionError
from tests.support.billing.tariffs import NOVEMBER, all_month, moment, tariff, throughout

PRICES = st.integers(0, 10_000_000)
LENGTH_S = 30 * 86_400
SECONDS = st.integers(0, LENGTH_S - 1)


def cut(*prices_and_seconds: tuple[int, int]) -> tuple[TariffVersion, ...]:
    """Return November, with new prices from given seconds on."""
    (first, _), *rest = prices_and_seconds
    tariff_versions = throughout(tariff(price=first), NOVEMBER)
    for price, second in rest:
        tariff_versions = switched(tariff_versions, tariff(price=price), moment(1, second))
    return tariff_versions


def amounts(tariff_versions: tuple[TariffVersion, ...]) -> list[int]:
    return [part.amount for part in price_parts(tariff_versions)]


@pytest.mark.parametrize(
    ("before", "after", "day", "credit", "charge"),
    [
        (204_00, 366_00, 16, 102_00, 183_00),  # half of the month
        (366_00, 204_00, 16, 183_00, 102_00),
        (204_00, 366_00, 1, 204_00, 366_00),  # all of it
        (100_00, 100_00, 11, 66_67, 66_67),  # two thirds; 33.33 are retained
        (0, 366_00, 16, 0, 183_00),
        (204_00, 0, 16, 102_00, 0),
        (1, 0, 16, 0, 0),  # half a cent is retained as a whole one, so none comes back
        (0, 1, 16, 0, 1),
    ],
)
def test_a_change_costs_what_it_does_by_hand(
    before: int, after: int, day: int, credit: int, charge: int
) -> None:
    change = prorate(all_month(price=before), tariff(price=after), moment(day))
    assert (change.credit, change.charge) == (credit, charge)


def test_a_second_counts() -> None:
    price = LENGTH_S * 3  # three cents a second
    change = prorate(all_month(price=price), tariff(price=0), moment(2, 1))
    assert change.credit == price - 3 * 86_401


@given(PRICES, st.lists(SECONDS.filter(bool), max_size=4, unique=True))
def test_parts_of_one_price_add_up_to_it(price: int, seconds: list[int]) -> None:
    tariff_versions = cut((price, 0), *((price, second) for second in sorted(seconds)))
    assert sum(amounts(tariff_versions)) == price
    assert len(tariff_versions) == len(seconds) + 1


@given(PRICES, PRICES, SECONDS)
def test_no_part_is_negative_and_their_sum_is_rounded_once(
    before: int, after: int, second: int
) -> None:
    parts = amounts(switched(cut((before, 0)), tariff(price=after), moment(1, second)))
    exact_s = before * second + after * (LENGTH_S - second)
    assert min(parts) >= 0
    assert sum(parts) == (2 * exact_s + LENGTH_S) // (2 * LENGTH_S)


@given(PRICES, PRICES, PRICES, st.tuples(SECONDS, SECONDS).map(sorted))
def test_what_is_previewed_is_what_is_committed(
    first: int, second: int, third: int, seconds: list[int]
) -> None:
    tariff_versions = switched(cut((first, 0)), tariff(price=second), moment(1, seconds[0]))
    change = prorate(tariff_versions, tariff(price=third), moment(1, seconds[1]))
    assert change.credit >= 0
    assert change.charge >= 0
    assert sum(amounts(change.tariff_versions)) == sum(amounts(tariff_versions)) + change.difference


@given(PRICES, SECONDS)
def test_a_change_to_the_same_price_costs_nothing(price: int, second: int) -> None:
    assert prorate(cut((price, 0)), tariff(price=price), moment(1, second)).difference == 0


def test_a_change_outside_the_cycle_or_into_the_past_is_refused() -> None:
    tariff_versions = switched(all_month(), tariff(), moment(16))
    for at in (NOVEMBER.ends, NOVEMBER.begins - timedelta(seconds=1)):
        with pytest.raises((ValueError, ContradictionError), match=r"is outside|is before"):
            prorate(tariff_versions, tariff(), at)
    with pytest.raises(ContradictionError, match="choose a later moment"):
        prorate(tariff_versions, tariff(), moment(15))


def test_prices_of_two_currencies_or_cycles_are_never_mixed() -> None:
    with pytest.raises(
        ContradictionError, match="change the currency at the beginning of a period"
    ):
        prorate(all_month(), tariff(currency="USD"), moment(16))
    with pytest.raises(ContradictionError, match="have different cycles"):
        prorate(all_month(), tariff(cycle=Cycle.YEAR), moment(16))


def test_a_gap_between_tariffs_is_refused() -> None:
    one = TariffVersion(tariff(), moment(1), moment(5))
    other = TariffVersion(tariff(), moment(6), moment(31))
    with pytest.raises(ValueError, match="the next begins at"):
        price_parts([one, other])
    with pytest.raises(ValueError, match="one or more"):
        price_parts([])

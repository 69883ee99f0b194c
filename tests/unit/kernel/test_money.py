"""Money is whole minor units, and a half is rounded away from zero."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.kernel.money import from_basis_points, half_up, priced, tax_on, to_basis_points

AMOUNTS = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("numerator", "divisor", "nearest"),
    [(0, 7, 0), (1, 2, 1), (3, 2, 2), (149, 100, 1), (-1, 2, -1), (-149, 100, -1), (-3, 2, -2)],
)
def test_a_half_goes_away_from_zero(numerator: int, divisor: int, nearest: int) -> None:
    assert half_up(numerator, divisor) == nearest


@given(AMOUNTS, st.integers(1, 10**9))
def test_rounding_moves_by_a_half_at_most_and_a_reversal_undoes_it(
    numerator: int, divisor: int
) -> None:
    nearest = half_up(numerator, divisor)
    assert abs(nearest - Fraction(numerator, divisor)) <= Fraction(1, 2)
    assert half_up(-numerator, divisor) == -nearest


@pytest.mark.parametrize(
    ("quantity", "micros", "per", "currency", "amount"),
    [
        (180, 500_000, 60, "EUR", 150),  # three minutes at 0.50
        (60, 5_000, 60, "EUR", 1),  # half a cent
        (60, 4_999, 60, "EUR", 0),
        (66, 15_000, 60, "EUR", 2),  # 1.1 minutes at 0.015: 1.65 cents
        (60, 500_000, 60, "JPY", 1),  # half a yen
        (60, 500, 60, "KWD", 1),  # half a fils
        (1500, 20_000, 1000, "USD", 3),  # 1,500 words at 0.02 a thousand
    ],
)
def test_a_quantity_is_priced_and_rounded_once(
    quantity: int, micros: int, per: int, currency: str, amount: int
) -> None:
    assert priced(quantity, micros, per, currency) == amount


@pytest.mark.parametrize(
    ("amount", "rate_bp", "tax"),
    [(10_000, 1_900, 1_900), (50, 1_900, 10), (26, 1_900, 5), (-26, 1_900, -5), (1_000, 775, 78)],
)
def test_tax_is_rounded_half_up_whichever_way_it_goes(amount: int, rate_bp: int, tax: int) -> None:
    assert tax_on(amount, rate_bp) == tax


@given(st.integers(0, 10_000))
def test_a_percentage_is_read_as_it_is_written(points: int) -> None:
    assert to_basis_points(from_basis_points(points)) == points


@pytest.mark.parametrize("text", ["100.01", "-1", "19,0", "1.234", ""])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|decimal places"):
        to_basis_points(text)

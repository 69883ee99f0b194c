"""Stripe's own units of money: the only place where an amount is turned into them, or back.

Stripe counts in a unit of its own, which for some currencies is not the minor unit of ISO 4217 that
plans and statements have, and charges some only in steps of several units.

Source: https://docs.stripe.com/currencies. Read on 2026-11-28 in copies of that page: the
presentment currencies as of 2024, the zero-decimal ones and the special cases as of September 2026,
the rule for three decimals as last printed there in December 2022 (its currencies are still on sale
to accounts in the UAE). HUF and TWD are special for payouts only, which are none of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from pbxbilling.kernel.errors import RejectedError
from pbxbilling.kernel.money import half_up, minor_digits

_MICRO_DIGITS = 6


class Unit(NamedTuple):
    """How Stripe counts a currency: its decimal places, and the step that charges come in."""

    digits: int
    step: int = 1


_TWO_DECIMALS = Unit(2)
_ZERO_DECIMALS = Unit(0)
_THREE_DECIMALS = Unit(3, step=10)  # the last digit must be 0
_WHOLE_ALONE = Unit(2, step=100)  # without decimals by now, but still written with two: always 00


def _each(codes: str, unit: Unit) -> dict[str, Unit]:
    return dict.fromkeys(codes.split(), unit)


UNITS: Mapping[str, Unit] = {
    **_each(
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD"
        " CAD CDF CHF CNY COP CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD"
        " HKD HNL HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK"
        " MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON"
        " RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS UAH USD"
        " UYU UZS WST XCD YER ZAR ZMW",
        _TWO_DECIMALS,
    ),
    **_each("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF", _ZERO_DECIMALS),
    **_each("BHD JOD KWD OMR TND", _THREE_DECIMALS),
    **_each("ISK UGX", _WHOLE_ALONE),
}


def unit_of(currency: str) -> Unit:
    """Return Stripe's unit of a currency. Raises RejectedError for one that it does not take."""
    unit = UNITS.get(currency)
    if unit is None:
        msg = (
            f"{currency} is no currency that Stripe takes, as far as this program knows: charge in"
            " another, see https://docs.stripe.com/currencies"
        )
        raise RejectedError(msg, away=False)
    return unit


def own_amount(minor: int, currency: str) -> int:
    """Return minor units of ISO 4217 in Stripe's unit, rounded to its step, half up.

    Raises RejectedError as `unit_of`.
    """
    unit = unit_of(currency)
    return half_up(minor * 10**unit.digits, 10 ** minor_digits(currency) * unit.step) * unit.step


def exact_amount(minor: int, currency: str) -> Decimal:
    """Return minor units of ISO 4217 in Stripe's unit, unrounded. Raises as `unit_of`."""
    return Decimal(minor).scaleb(unit_of(currency).digits - minor_digits(currency))


def exact_rate(micros: int, currency: str) -> Decimal:
    """Return a rate, in millionths of the major unit, in Stripe's unit. Raises as `unit_of`."""
    return Decimal(micros).scaleb(unit_of(currency).digits - _MICRO_DIGITS)


def is_chargeable(minor: int, currency: str) -> bool:
    """Return whether Stripe can charge exactly this amount. Raises as `unit_of`."""
    return exact_amount(minor, currency) == own_amount(minor, currency)


def minor_amount(own: int, currency: str) -> int:
    """Return an amount of Stripe in minor units of ISO 4217, for display, rounded half up.

    A currency that is not in the table has two decimals, as the page says of all others.
    """
    digits = UNITS.get(currency, _TWO_DECIMALS).digits
    return half_up(own * 10 ** minor_digits(currency), 10**digits)


def in_words(own: Decimal | int, currency: str) -> str:
    """Return an amount of Stripe as "29.00 EUR", with all the digits that it has there."""
    shown = Decimal(own).scaleb(-UNITS.get(currency, _TWO_DECIMALS).digits)
    return f"{shown:f} {currency}"

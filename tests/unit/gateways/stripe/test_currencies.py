"""Every currency of ISO 4217 in Stripe's own unit, as Stripe's page of currencies has it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.gateways.stripe.currencies import (
    UNITS,
    exact_amount,
    exact_rate,
    in_words,
    is_chargeable,
    minor_amount,
    own_amount,
    unit_of,
)
from pbxbilling.gateways.stripe.invoices import own_amounts
from pbxbilling.kernel.errors import RejectedError
from pbxbilling.kernel.money import from_minor, minor_digits, to_micros, to_minor
from pbxbilling.payments.usage_invoice import InvoiceLine, UsageInvoice

# ISO 4217, list one, without bond units, metals, test codes and funds that nobody pays with.
_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP
    BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR
    FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES
    KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR
    MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
    SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS
    UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XDR XOF XPF XSU XUA YER ZAR ZMW
    ZWG
"""
ISO_4217 = frozenset(_CODES.split())
WITHDRAWN = frozenset({"STD"})  # Stripe still lists it, ISO 4217 has STN in its place
AMOUNTS = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("amount", "currency", "own"),
    [
        ("10", "USD", 1000),
        ("10.99", "EUR", 1099),
        ("10", "JPY", 10),
        ("500", "JPY", 500),
        ("5", "ISK", 500),
        ("5", "UGX", 500),
        ("5.124", "KWD", 5120),
        ("5.125", "KWD", 5130),
        ("5.000", "TND", 5000),
        ("10.45", "HUF", 1045),
        ("800.45", "TWD", 80045),
        ("12.00", "MGA", 12),
        ("12.50", "MGA", 13),
        ("9999999999.99", "IDR", 999_999_999_999),
    ],
)
def test_amounts_are_those_that_stripes_page_gives(amount: str, currency: str, own: int) -> None:
    assert own_amount(to_minor(amount, currency), currency) == own


@pytest.mark.parametrize("currency", sorted(UNITS))
@given(minor=AMOUNTS)
def test_an_amount_is_the_nearest_that_stripe_can_charge(currency: str, minor: int) -> None:
    unit = unit_of(currency)
    own, ours = own_amount(minor, currency), Decimal(from_minor(minor, currency))
    theirs = Decimal(own).scaleb(-unit.digits)
    assert own % unit.step == 0
    assert abs(theirs - ours) <= Decimal(unit.step).scaleb(-unit.digits) / 2
    assert is_chargeable(minor, currency) is (theirs == ours)
    assert exact_amount(minor, currency) == ours.scaleb(unit.digits)
    assert own_amount(-minor, currency) == -own
    if theirs == ours:
        assert minor_amount(own, currency) == minor
        assert in_words(own, currency).split()[1] == currency
        assert Decimal(in_words(own, currency).split()[0]) == ours


@pytest.mark.parametrize("currency", sorted(UNITS))
def test_only_where_stripe_and_iso_differ_is_the_number_another(currency: str) -> None:
    differs = own_amount(10_000, currency) != 10_000
    assert differs is (currency in {"ISK", "UGX", "MGA"})
    assert exact_rate(to_micros("0.5"), currency) == Decimal("0.5").scaleb(unit_of(currency).digits)


@pytest.mark.parametrize("currency", sorted((ISO_4217 | {"EUX", "eur", ""}) - UNITS.keys()))
def test_a_currency_that_is_not_in_the_table_is_refused_by_name(currency: str) -> None:
    for refused in (own_amount, exact_amount, exact_rate, is_chargeable):
        with pytest.raises(RejectedError, match=f"^{currency} is no currency that Stripe takes"):
            refused(100, currency)
    assert minor_amount(1000, currency) == 10 * 10 ** minor_digits(currency)


def test_the_table_has_nothing_but_currencies() -> None:
    assert UNITS.keys() <= ISO_4217 | WITHDRAWN
    assert {currency for currency in UNITS if minor_digits(currency) > 3} == set()


@pytest.mark.parametrize("currency", ["EUR", "JPY", "ISK", "UGX", "MGA", "KWD"])
@given(amounts=st.lists(st.integers(-(10**9), 10**9), max_size=30))
def test_the_lines_of_an_invoice_add_up_to_its_total(currency: str, amounts: list[int]) -> None:
    lines = tuple(InvoiceLine(str(n), "x", amount) for n, amount in enumerate(amounts))
    order = UsageInvoice("acme", "2026-11", "cus_1", currency, lines)
    own = own_amounts(order)
    assert sum(own.values()) == own_amount(order.total, currency)
    step = unit_of(currency).step
    for line in lines:
        assert own[line.key] % step == 0
        assert abs(own[line.key] - exact_amount(line.amount, currency)) <= step

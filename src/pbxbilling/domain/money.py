"""Money as it is written and as it is kept: decimal text to integer minor units and micros."""

from __future__ import annotations

import re
from decimal import Decimal

# ISO 4217, table A.1: currencies whose minor unit is not a hundredth.
_DIGITS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
_MICRO_DIGITS = 6
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


def check_currency(code: str) -> str:
    """The ISO 4217 code itself; raises ValueError for what cannot be one."""
    if not _CURRENCY.fullmatch(code):
        msg = f'{code!r}: expected a currency of ISO 4217, as "EUR"'
        raise ValueError(msg)
    return code


def minor_digits(currency: str) -> int:
    """Decimal places of a currency: 2 for most, 0 for JPY, 3 for KWD."""
    return _DIGITS.get(currency, 2)


def to_minor(text: str, currency: str) -> int:
    """Read "29.00" as minor units, exactly; raises ValueError where digits would be lost."""
    return _scaled(text, minor_digits(currency), currency)


def to_micros(text: str) -> int:
    """Read a rate, "0.02", as millionths of the major unit; raises ValueError as `to_minor`."""
    return _scaled(text, _MICRO_DIGITS, "a rate")


def from_minor(amount: int, currency: str) -> str:
    """Write minor units as "29.00", with all of the currency's decimal places."""
    return f"{Decimal(amount).scaleb(-minor_digits(currency)):f}"


def from_micros(rate: int) -> str:
    """Write a rate in millionths as "0.02", without needless zeros."""
    whole, _, rest = f"{Decimal(rate).scaleb(-_MICRO_DIGITS):f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"


def _scaled(text: str, digits: int, what: str) -> int:
    if not _AMOUNT.fullmatch(text):
        msg = f'{text!r}: expected an amount of 0 or more in digits, as "29.00"'
        raise ValueError(msg)
    scaled = Decimal(text).scaleb(digits)
    if scaled != scaled.to_integral_value():
        msg = f"{text!r}: {what} has {digits} decimal places at most"
        raise ValueError(msg)
    return int(scaled)

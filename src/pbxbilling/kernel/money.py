"""Parse, format and round money: decimal text to and from integer minor units and micros."""

from __future__ import annotations

import re
from decimal import Decimal

from pbxbilling.kernel.bounds import AMOUNT_DIGITS, RATE_MOST_MINOR

# ISO 4217, table A.1: decimal places of currencies whose minor unit is not a hundredth.
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
_WHOLE_BP = 10_000  # 100 per cent
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(rf"[0-9]{{1,{AMOUNT_DIGITS}}}(\.[0-9]{{1,6}})?")


def check_currency(code: str) -> str:
    """Return the ISO 4217 code itself. Raises ValueError for text that cannot be one."""
    if not _CURRENCY.fullmatch(code):
        msg = f'{code!r}: expected a currency of ISO 4217, as "EUR"'
        raise ValueError(msg)
    return code


def minor_digits(currency: str) -> int:
    """Return the decimal places of a currency: 2 for most, 0 for JPY, 3 for KWD."""
    return _DIGITS.get(currency, 2)


def to_minor(text: str, currency: str) -> int:
    """Parse "29.00" as minor units, exactly. Raises ValueError where digits would be lost."""
    return _scaled(text, minor_digits(currency), currency)


def to_micros(text: str) -> int:
    """Parse a rate, "0.02", as millionths of the major unit. Raises ValueError as `to_minor`."""
    return _scaled(text, _MICRO_DIGITS, "a rate")


def check_rate(micros: int, currency: str, per: int = 1, most: int = RATE_MOST_MINOR) -> int:
    """Return the rate itself. Raises ValueError above `most` minor units for one of its units."""
    digits = minor_digits(currency)
    if micros * 10**digits > most * per * 10**_MICRO_DIGITS:
        highest = from_micros(most * per * 10 ** (_MICRO_DIGITS - digits))
        msg = f'"{from_micros(micros)}": expected a rate of at most {highest} {currency}'
        raise ValueError(msg)
    return micros


def from_minor(amount: int, currency: str) -> str:
    """Format minor units as "29.00", with all of the currency's decimal places."""
    return f"{Decimal(amount).scaleb(-minor_digits(currency)):f}"


def from_micros(rate: int) -> str:
    """Format a rate in millionths as "0.02", without needless zeros."""
    whole, _, rest = f"{Decimal(rate).scaleb(-_MICRO_DIGITS):f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"


def to_basis_points(text: str) -> int:
    """Parse a percentage, "19.0", as hundredths of a per cent. Raises ValueError above 100."""
    points = _scaled(text, 2, "a percentage")
    if points > _WHOLE_BP:
        msg = f"{text!r}: expected a percentage of 0 to 100"
        raise ValueError(msg)
    return points


def from_basis_points(points: int) -> str:
    """Format hundredths of a per cent as "19.0", without needless zeros."""
    whole, hundredths = divmod(points, 100)
    return f"{whole}.{f'{hundredths:02}'.rstrip('0') or '0'}"


def half_up(numerator: int, divisor: int) -> int:
    """Return the nearest integer; a half rounds away from 0, so that a reversal undoes a charge."""
    nearest = (2 * abs(numerator) + divisor) // (2 * divisor)
    return nearest if numerator >= 0 else -nearest


def priced(quantity: int, rate_micros: int, per: int, currency: str) -> int:
    """Return the minor units of a quantity at a rate for every `per`, rounded once, half up."""
    return half_up(quantity * rate_micros * 10 ** minor_digits(currency), per * 10**_MICRO_DIGITS)


def tax_on(amount: int, rate_bp: int) -> int:
    """Return the tax on a net amount, in its minor units, rounded half up."""
    return half_up(amount * rate_bp, _WHOLE_BP)


def _scaled(text: str, digits: int, what: str) -> int:
    if not _AMOUNT.fullmatch(text):
        msg = (
            f'{text[:40]!r}: expected an amount of 0 or more in digits, as "29.00", with at most'
            f" {AMOUNT_DIGITS} of them before the point"
        )
        raise ValueError(msg)
    scaled = Decimal(text).scaleb(digits)
    if scaled != scaled.to_integral_value():
        msg = f"{text!r}: {what} has at most {digits} decimal places"
        raise ValueError(msg)
    return int(scaled)

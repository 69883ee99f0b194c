"""The bounds of days, numbers and amounts in the configuration, in accounts and at commands.

Within these bounds every computed value fits: instants into the calendar, amounts into the 64 bits
that the database and JSON hold.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from pbxbilling.kernel.errors import ContradictionError

DAYS_MOST = 36_500  # 100 years
SECONDS_MOST = 86_400  # a day
COUNT_MOST = 2**31 - 1  # of minutes, calls, places in a list
AMOUNT_DIGITS = 12  # of the major unit: 900 such amounts fit on a statement
RATE_MOST_MINOR = 10**9  # minor units for a minute or a call: COUNT_MOST of them fit
UNITS_MOST = 10**12  # reported at once
UNIT_RATE_MOST_MINOR = 10**6  # minor units for one unit: UNITS_MOST of them fit
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)  # DAYS_MOST fit on either side
# The last day has ended by then in every time zone.
LAST_INSTANT = datetime.combine(LAST_DAY + timedelta(days=2), time(), UTC)

_FITS = 2**63 - 1
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_PERIOD = re.compile(r"([0-9]{4}-[0-9]{2})(\.[0-9]{1,3})?")


def check_day(day: date) -> date:
    """Return the day itself. Raises ValueError for one before FIRST_DAY or after LAST_DAY."""
    if not FIRST_DAY <= day <= LAST_DAY:
        msg = f"{day}: expected a day from {FIRST_DAY} to {LAST_DAY}"
        raise ValueError(msg)
    return day


def read_day(text: str) -> date:
    """Parse a day as "2026-12-31". Raises ValueError as `check_day`, and for other text."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r}: expected a day as 2026-12-31"
        raise ValueError(msg) from error
    return check_day(day)


def read_instant(text: str) -> datetime:
    """Parse an instant as "2026-12-31T10:42:00+01:00", and return it in UTC.

    Raises ValueError as `check_day`, and without an offset: it is not guessed.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r}: expected an instant as 2026-12-31T10:42:00+00:00"
        raise ValueError(msg) from error
    if at.tzinfo is None:
        msg = f"{text!r}: expected an instant with its offset, as 2026-12-31T10:42:00+00:00"
        raise ValueError(msg)
    check_day(at.date())
    return at.astimezone(UTC)


def read_month(text: str) -> str:
    """Return a month as "2026-11" itself. Raises ValueError for other text, or out of bounds."""
    if not _MONTH.fullmatch(text):
        msg = f"{text!r}: expected a month as 2026-11"
        raise ValueError(msg)
    check_day(date.fromisoformat(f"{text}-01"))
    return text


def read_period(text: str) -> str:
    """Return a period itself: its first month, with ".2" for a second one. Raises ValueError."""
    found = _PERIOD.fullmatch(text)
    if found is None:
        msg = f"{text!r}: expected a month as 2026-11, or 2026-11.2"
        raise ValueError(msg)
    read_month(found[1])
    return text


def check_fits(number: int, what: str) -> int:
    """Return the number itself. Raises ContradictionError if it does not fit into 64 bits."""
    if abs(number) > _FITS:
        msg = f"{what} is {number}, more than can be stored: check the prices and the usage"
        raise ContradictionError(msg)
    return number

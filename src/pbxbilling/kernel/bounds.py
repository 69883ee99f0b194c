"""How large a number may be that somebody writes: in the configuration, in accounts, at a command.

Within these bounds whatever is worked out fits: instants into the calendar, amounts into 64 bits,
which is what the database and JSON hold.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from pbxbilling.kernel.errors import ContradictionError

DAYS_MOST = 36_500  # a hundred years
SECONDS_MOST = 86_400  # a day
COUNT_MOST = 2**31 - 1  # of minutes, calls, places in a list
AMOUNT_DIGITS = 12  # of the major unit: 900 such amounts fit on one statement
RATE_MOST_MINOR = 10**9  # minor units of a minute or a call: COUNT_MOST of them fit
UNITS_MOST = 10**12  # told at once
UNIT_RATE_MOST_MINOR = 10**6  # minor units of one unit: UNITS_MOST of them fit
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)  # with DAYS_MOST on either side, too
# Where the last day ends, wherever somebody is.
LAST_INSTANT = datetime.combine(LAST_DAY + timedelta(days=2), time(), UTC)

_FITS = 2**63 - 1
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_PERIOD = re.compile(r"([0-9]{4}-[0-9]{2})(\.[0-9]{1,3})?")


def check_day(day: date) -> date:
    """The day itself; raises ValueError for one that nobody means."""
    if not FIRST_DAY <= day <= LAST_DAY:
        msg = f"{day}: expected a day from {FIRST_DAY} to {LAST_DAY}"
        raise ValueError(msg)
    return day


def read_day(text: str) -> date:
    """A day as "2026-12-31"; raises ValueError as `check_day`, and for what is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r}: expected a day as 2026-12-31"
        raise ValueError(msg) from error
    return check_day(day)


def read_instant(text: str) -> datetime:
    """An instant as "2026-12-31T10:42:00+01:00", in UTC; raises ValueError as `check_day`.

    One without an offset is not guessed.
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
    """A month as "2026-11" itself; raises ValueError for what is none, or no year of ours."""
    if not _MONTH.fullmatch(text):
        msg = f"{text!r}: expected a month as 2026-11"
        raise ValueError(msg)
    check_day(date.fromisoformat(f"{text}-01"))
    return text


def read_period(text: str) -> str:
    """A period itself: the month in which it begins, ".2" for a second one; raises ValueError."""
    found = _PERIOD.fullmatch(text)
    if found is None:
        msg = f"{text!r}: expected a month as 2026-11, or 2026-11.2"
        raise ValueError(msg)
    read_month(found[1])
    return text


def check_fits(number: int, what: str) -> int:
    """The number itself; raises ContradictionError where neither database nor JSON can hold it."""
    if abs(number) > _FITS:
        msg = f"{what} is {number}, more than can be kept: look at the prices and what was used"
        raise ContradictionError(msg)
    return number

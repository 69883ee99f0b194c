"""Billing periods: months that begin on a tenant's anchor day, in its own time zone."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name. Raises ZoneInfoNotFoundError or ValueError."""
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Period:
    """The time from `begins` until just before `ends`, both in UTC.

    `month` is the calendar month in which the period begins, as `2026-11`: one period begins in
    each month, so this is the key of a tenant's period.
    """

    month: str
    begins: datetime
    ends: datetime


def period_at(at: datetime, timezone: str, anchor_day: int = 1) -> Period:
    """Return the period of an instant; the instant at which one ends belongs to the next.

    A period begins at local midnight of the tenant's anchor day, or of the last day of a month that
    is too short. Where the clocks change at that midnight, it begins at the first of two midnights,
    or with the day when there is none; so periods have neither gaps nor overlaps.
    """
    local = at.astimezone(zone(timezone))
    month = local.year * 12 + local.month - 1
    if at < _begin(month, timezone, anchor_day):
        month -= 1
    elif at >= _begin(month + 1, timezone, anchor_day):  # clocks set back over a month's end
        month += 1
    return _period(month, timezone, anchor_day)


def period_of(month: str, timezone: str, anchor_day: int = 1) -> Period:
    """Return the period that begins in a calendar month, as `2026-11`."""
    year, number = map(int, month.split("-"))
    return _period(year * 12 + number - 1, timezone, anchor_day)


def _period(month: int, timezone: str, anchor_day: int) -> Period:
    year, number = divmod(month, 12)
    return Period(
        f"{year:04}-{number + 1:02}",
        _begin(month, timezone, anchor_day),
        _begin(month + 1, timezone, anchor_day),
    )


def anchor_date(month: int, anchor_day: int) -> date:
    """Return the anchor day of a month counted from the year 0; the last day of a shorter one."""
    year, number = divmod(month, 12)
    return date(year, number + 1, min(anchor_day, monthrange(year, number + 1)[1]))


@lru_cache(maxsize=4096)
def _begin(month: int, timezone: str, anchor_day: int) -> datetime:
    """Return when the period of a month (counted from the year 0) begins, in UTC."""
    day = anchor_date(month, anchor_day)
    return datetime.combine(day, time(), zone(timezone)).astimezone(UTC)

"""Billing periods: a month from a tenant's anchor day on, in its own time zone."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name; raises ZoneInfoNotFoundError or ValueError."""
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Period:
    """From `begins` until just before `ends`, both UTC.

    `month` is the calendar month in which it begins, as `2026-11`: one period begins in each, so
    that this is the key of a tenant's period.
    """

    month: str
    begins: datetime
    ends: datetime


def period_at(at: datetime, timezone: str, anchor_day: int = 1) -> Period:
    """The period that an instant is in; that in which one period ends belongs to the next.

    A period begins at midnight of the anchor day where the tenant is, on the last day of a month
    that is too short. Where the clocks are changed at that midnight it begins at its first
    instant, or with the day when there is no midnight; so periods neither gap nor overlap.
    """
    local = at.astimezone(zone(timezone))
    month = local.year * 12 + local.month - 1
    if at < _begin(month, timezone, anchor_day):
        month -= 1
    elif at >= _begin(month + 1, timezone, anchor_day):  # clocks set back over a month's end
        month += 1
    return _period(month, timezone, anchor_day)


def period_of(month: str, timezone: str, anchor_day: int = 1) -> Period:
    """The period that begins in a calendar month, as `2026-11`."""
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
    """That day of a month (months are counted from the year 0); the last of a shorter one."""
    year, number = divmod(month, 12)
    return date(year, number + 1, min(anchor_day, monthrange(year, number + 1)[1]))


@lru_cache(maxsize=4096)
def _begin(month: int, timezone: str, anchor_day: int) -> datetime:
    """When the period of a month begins."""
    day = anchor_date(month, anchor_day)
    return datetime.combine(day, time(), zone(timezone)).astimezone(UTC)

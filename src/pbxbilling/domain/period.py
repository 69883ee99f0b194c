"""Billing periods: calendar months in the tenant's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name; raises ZoneInfoNotFoundError or ValueError."""
    return ZoneInfo(name)


def month_of(at: datetime, timezone: str) -> str:
    """The calendar month of `at` in `timezone`, as `2026-11`."""
    return at.astimezone(zone(timezone)).strftime("%Y-%m")


def month_end(at: datetime, timezone: str) -> datetime:
    """The first instant of the month after `at`'s, in UTC: when an allowance is renewed."""
    local = at.astimezone(zone(timezone))
    year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)
    return datetime(year, month, 1, tzinfo=zone(timezone)).astimezone(UTC)

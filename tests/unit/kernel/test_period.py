"""Billing periods tile time, whatever the anchor day and the zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pbxbilling.kernel.period import Period, period_at, period_of, zone

YEAR_2100_S = 4_102_444_800
INSTANTS = st.integers(0, YEAR_2100_S).map(lambda at_s: datetime.fromtimestamp(at_s, UTC))
ZONES = st.sampled_from(sorted(available_timezones()))
DAYS = st.integers(1, 31)


def local(at: datetime, timezone: str) -> str:
    return at.astimezone(zone(timezone)).strftime("%Y-%m-%d %H:%M")


# A day that a country skipped, midnights that do not exist, one that occurs twice, and clocks
# set back a minute after a month had begun.
@example(datetime(2011, 12, 30, 10, tzinfo=UTC), "Pacific/Apia", 30)
@example(datetime(2018, 11, 4, 3, tzinfo=UTC), "America/Sao_Paulo", 4)
@example(datetime(2026, 11, 1, 4, 30, tzinfo=UTC), "America/Havana", 1)
@example(datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "America/Havana", 1)
@example(datetime(2009, 11, 1, 2, 40, tzinfo=UTC), "America/St_Johns", 1)
@given(INSTANTS, ZONES, DAYS)
def test_every_instant_is_in_one_period_and_the_next_begins_where_it_ends(
    at: datetime, timezone: str, anchor_day: int
) -> None:
    period = period_at(at, timezone, anchor_day)
    assert period.begins <= at < period.ends
    assert period_at(period.begins, timezone, anchor_day) == period
    following = period_at(period.ends, timezone, anchor_day)
    assert following.begins == period.ends
    assert period_at(period.ends - timedelta(microseconds=1), timezone, anchor_day) == period
    assert following.month > period.month


@given(INSTANTS, ZONES, DAYS)
def test_a_period_is_found_again_by_the_month_in_which_it_begins(
    at: datetime, timezone: str, anchor_day: int
) -> None:
    period = period_at(at, timezone, anchor_day)
    assert period_of(period.month, timezone, anchor_day) == period
    assert local(period.begins, timezone).startswith(period.month)


@given(INSTANTS, DAYS)
def test_a_period_begins_on_the_anchor_day_or_on_the_last_of_a_shorter_month(
    at: datetime, anchor_day: int
) -> None:
    begins = period_at(at, "UTC", anchor_day).begins
    last_of_month = (begins + timedelta(days=1)).day == 1
    assert begins.day == anchor_day or (begins.day < anchor_day and last_of_month)


@pytest.mark.parametrize(
    ("anchor_day", "at", "begins", "ends"),
    [
        (1, "2026-11-21T12:00+00:00", "2026-11-01 00:00", "2026-12-01 00:00"),
        (31, "2027-02-27T12:00+00:00", "2027-01-31 00:00", "2027-02-28 00:00"),
        (31, "2027-02-28T12:00+00:00", "2027-02-28 00:00", "2027-03-31 00:00"),
        (31, "2028-02-29T12:00+00:00", "2028-02-29 00:00", "2028-03-31 00:00"),
        (15, "2026-01-14T22:59+00:00", "2025-12-15 00:00", "2026-01-15 00:00"),
        (15, "2026-01-14T23:00+00:00", "2026-01-15 00:00", "2026-02-15 00:00"),
        (15, "2026-03-31T12:00+00:00", "2026-03-15 00:00", "2026-04-15 00:00"),
    ],
)
def test_midnight_is_the_tenants_own_on_both_sides_of_a_change_of_clocks(
    anchor_day: int, at: str, begins: str, ends: str
) -> None:
    period = period_at(datetime.fromisoformat(at), "Europe/Berlin", anchor_day)
    berlin = (local(period.begins, "Europe/Berlin"), local(period.ends, "Europe/Berlin"))
    assert berlin == (begins, ends)


def test_a_day_that_begins_at_one_is_a_whole_day() -> None:
    before, after = (
        period_at(datetime(2018, 11, 4, hour, tzinfo=UTC), "America/Sao_Paulo", 4)
        for hour in (2, 3)
    )
    assert isinstance(before, Period)
    assert local(before.ends, "America/Sao_Paulo") == "2018-11-04 01:00"
    assert (before.month, after.month) == ("2018-10", "2018-11")

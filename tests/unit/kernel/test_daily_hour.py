"""A daily hour is one instant each local day, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbxbilling.kernel.daily_hour import DailyHour
from pbxbilling.kernel.period import zone

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hour", "timezone", "now", "last", "following"),
    [
        (time(1), "UTC", "2026-11-21T01:00", "2026-11-21T01:00", "2026-11-22T01:00"),
        (time(1), "UTC", "2026-11-21T00:59", "2026-11-20T01:00", "2026-11-21T01:00"),
        (time(1), BERLIN, "2026-11-21T00:00", "2026-11-21T00:00", "2026-11-22T00:00"),
        (time(2, 30), BERLIN, "2027-03-28T12:00", "2027-03-28T01:30", "2027-03-29T00:30"),  # a gap
        (time(2, 30), BERLIN, "2026-10-25T01:00", "2026-10-25T00:30", "2026-10-26T01:30"),  # twice
        (time(23), "Asia/Tokyo", "2026-11-21T15:00", "2026-11-21T14:00", "2026-11-22T14:00"),
    ],
)  # fmt: skip
def test_the_due_moments_around_an_instant(
    hour: time, timezone: str, now: str, last: str, following: str
) -> None:
    daily = DailyHour(hour, timezone)
    assert (daily.last(at(now)), daily.next(at(now))) == (at(last), at(following))


@settings(max_examples=25)
@given(
    hour=st.times().map(lambda t: t.replace(microsecond=0, fold=0)),
    timezone=st.sampled_from(
        ["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "America/Havana"]
    ),
    first=st.dates(date(2026, 1, 1), date(2027, 12, 1)),
)
def test_every_local_day_has_one_moment(hour: time, timezone: str, first: date) -> None:
    daily = DailyHour(hour, timezone)
    moment = datetime.combine(first, time(), zone(timezone)).astimezone(UTC) - timedelta(seconds=1)
    days = []
    for _ in range(400):
        moment = daily.next(moment)
        assert daily.last(moment) == moment
        days.append(moment.astimezone(zone(timezone)).date())
    assert days == [first + timedelta(days=number) for number in range(400)]

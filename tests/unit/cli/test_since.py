from datetime import UTC, datetime, timedelta

import pytest

from pbxbilling.cli.moments import since_when

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [("30s", timedelta(seconds=30)), ("10m", timedelta(minutes=10)), ("2h", timedelta(hours=2))],
)
def test_a_span_counts_back_from_now(text: str, ago: timedelta) -> None:
    assert since_when(text, NOW) == NOW - ago


def test_a_time_of_day_is_todays_where_the_operator_is() -> None:
    at = since_when("10:42", NOW).astimezone()
    assert (at.hour, at.minute, at.second) == (10, 42, 0)


def test_an_instant_may_name_its_zone() -> None:
    assert since_when("2026-11-21T10:00:00+02:00", NOW) == datetime(2026, 11, 21, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "10x"])
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="--since"):
        since_when(text, NOW)

from datetime import UTC, date, datetime, timedelta

import pytest
import typer

from pbxbilling.cli.options import since_when, wrong_usage
from pbxbilling.kernel.bounds import read_day, read_month

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


@pytest.mark.parametrize("text", ["", "soon", "25:00", "10x", "9" * 30 + "d", "9" * 5000 + "s"])
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="expected 10m"):
        since_when(text, NOW)


def test_days_and_months_are_read_as_they_are_written() -> None:
    assert (read_day("2026-12-31"), read_month("2026-11")) == (date(2026, 12, 31), "2026-11")


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30", "2026-13-01"])
def test_a_day_that_there_is_not_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="expected a day"):
        read_day(text)


@pytest.mark.parametrize("text", ["2026", "2026-13", "november", "2026-11-01"])
def test_a_month_that_there_is_not_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="expected a month"):
        read_month(text)


def test_what_cannot_be_read_is_wrong_usage_of_its_option() -> None:
    with pytest.raises(typer.BadParameter) as told, wrong_usage("--month"):
        read_month("november")
    assert (told.value.param_hint, told.value.exit_code) == ("--month", 2)

"""Tables for people: the names of the JSON, instants in local time, numbers to the right."""

import io
from contextlib import redirect_stdout
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbxbilling.cli.printing.tables import cell, console, local_time, show, table


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_what_is_not_there_is_a_dash(value: object) -> None:
    assert cell("tenant", value) == "-"


def test_zero_is_a_number_and_no_dash() -> None:
    assert cell("calls", 0) == "0"


@pytest.mark.parametrize("key", ["at", "since", "started_at", "blocked_until"])
def test_instants_are_told_where_the_operator_is(key: str) -> None:
    at = datetime(2026, 11, 21, 10, 42, 7, tzinfo=UTC)
    told = datetime.strptime(cell(key, at.isoformat()), "%Y-%m-%d %H:%M:%S").astimezone()
    assert told == at


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("outbound_seconds", 61.2504, "61.3"),
        ("overage_minutes", "1.3333333", "1.33"),
        ("emergency", True, "yes"),
        ("blocks", ["suspended", "trial_over"], "suspended, trial_over"),
        ("limits", {"max_calls": 5}, "max_calls 5"),
    ],
)
def test_a_value_is_formatted_by_its_key(key: str, value: object, told: str) -> None:
    assert cell(key, value) == told


def test_a_table_has_one_line_a_row_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    show("calls", [{"call": "c" * 90, "to": "n" * 60}], ("call", "to"))
    assert "c" * 90 + "  " in capsys.readouterr().out


def test_numbers_stand_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    show("tenants", [{"calls": 5}, {"calls": 1234}], ("calls",))
    assert [line for line in capsys.readouterr().out.splitlines() if "5" in line] == ["    5"]


def test_nothing_to_show_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show("calls", [], ("call",))
    assert capsys.readouterr().out == "no calls\n"


def test_markup_in_a_name_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    show("tenants", [{"tenant": "[bold]acme[/bold]"}], ("tenant",))
    assert "[bold]acme[/bold]" in capsys.readouterr().out


def test_local_time_is_told_to_the_second() -> None:
    assert len(local_time("2026-11-21T10:42:07.123456+00:00")) == len("2026-11-21 10:42:07")


VALUES = st.none() | st.integers() | st.booleans() | st.text(max_size=30)
COLUMNS = ("tenant", "made_at", "total", "outbound_calls")
ROWS = st.lists(
    st.fixed_dictionaries({key: VALUES for key in COLUMNS if key != "made_at"}), min_size=1
)


@settings(max_examples=200)
@given(rows=ROWS, width=st.sampled_from(["60", "200"]))
def test_a_long_table_looks_like_a_short_one(rows: list[dict[str, object]], width: str) -> None:
    rows = [{**row, "made_at": datetime(2026, 11, 21, tzinfo=UTC).isoformat()} for row in rows]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", width)
        shown = io.StringIO()
        with redirect_stdout(shown):
            show("rows", rows, COLUMNS)
        drawn = io.StringIO()
        with redirect_stdout(drawn):
            console().print(table(rows, COLUMNS))
    assert shown.getvalue() == drawn.getvalue()

"""The tables of the measurements can be read at any width, and without a terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.measure import Row, SideTable, at_most, row
from bench.printed import COLUMNS, cells, markdown, show, side_markdown

ROWS = [
    row("hook session from the sources, not compiled, CPU", [(99.1, 65.2), (98, 66)], unit="µs"),
    row("webhook to 200", [(400.7, 0.3), (410, 0.3)], unit="ms", limit=1.0, within=100),
    row("hook", [(2.1, 1.9), (2.2, 1.8)], unit="ms", limit=1.5, within=2.0),
    at_most("INVITE to 486 at 500/s, sent again", 3, 0, unit="messages"),
]
SIDES = SideTable(
    "INVITE to 486 at 200/s, 11 rounds",
    ("what refuses", "median, ms", "p99, ms", "within 1 ms"),
    (("a bare Hangup(17)", "0.52", "1.20", "97.1%"), ("pbxbilling", "1.32", "2.90", "12.4%")),
)
WIDEST = max(len(cell) for one in ROWS for cell in cells(one)[1:])
WIDTHS = st.integers(len("  ratio (quartiles) ") + WIDEST, 240)


def shown(width: int | None = None, rows: list[Row] = ROWS) -> str:
    """Return what is printed on a terminal of that width, or to a file."""
    out = StringIO()
    show(rows, [SIDES], Console(file=out, width=width, highlight=False))
    return out.getvalue()


@given(WIDTHS)
def test_every_cell_stands_whole_in_one_line_of_any_terminal(width: int) -> None:
    lines = shown(width).splitlines()
    assert max(map(len, lines)) <= width
    values = [value for one in ROWS for value in cells(one)[1:]]
    for value in [*values, *(value for line in SIDES.lines for value in line)]:
        assert any(value in line for line in lines), value
    for one in ROWS:
        assert set(one.name.split()) <= set(" ".join(lines).split()), one.name


@given(st.integers(10, 240))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, shown(width).splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_shows_a_row_as_a_paragraph(width: int) -> None:
    printed = shown(width).splitlines()
    start = printed.index("hook")
    said = " ".join(line.strip() for line in printed[start + 1 : start + 4])
    assert said.startswith("pbxbilling 2.2 · counterpart 1.9 · unit ms")
    assert "limit 1.50, or 2 ms more" in said
    assert "kept" in said


def test_a_wide_terminal_has_a_line_for_each_row() -> None:
    (line,) = (line for line in shown(160).splitlines() if line.strip().startswith("hook  "))
    assert line.split() == " ".join(cells(ROWS[2])).split()


def test_without_a_terminal_a_line_has_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert max(map(len, shown().splitlines())) <= 80


def test_the_pages_tables_have_all_cells() -> None:
    head, _, *lines = markdown(ROWS).splitlines()
    assert head == f"| {' | '.join(COLUMNS)} |"
    assert [line.strip("| ").split(" | ")[0] for line in lines] == [one.name for one in ROWS]
    assert "| pbxbilling | 1.32 | 2.90 | 12.4% |" in side_markdown(SIDES)


def test_a_count_that_may_be_none_says_so() -> None:
    *_, ratio, allowed, verdict = cells(ROWS[-1])
    assert (ratio, allowed, verdict) == ("", "0 messages", "missed")
    assert cells(at_most("x", 0, 0, unit="messages"))[-1] == "kept"

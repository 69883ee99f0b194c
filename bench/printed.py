"""The tables of the measurements, for a terminal of any width, for none, and for the page.

Where a table does not fit the terminal, each row is a short paragraph: columns that are folded to
one word a line cannot be read. Without a terminal a line has rich's 80 columns, or $COLUMNS.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.measure import Row, SideTable

COLUMNS = ("what", "pbxbilling", "counterpart", "unit", "ratio (quartiles)", "limit", "")
LEAST_NAME = 40
"""Columns that a table leaves to the names of its rows; longer ones go on in the next line."""

_INDENT = "  "
_BETWEEN = 4  # characters of a column beside its text, or fewer


def cells(row: Row) -> tuple[str, ...]:
    """Return the text of a row's columns."""
    ratio = f"{row.ratio_median:.2f} ({row.q1:.2f} to {row.q3:.2f})"
    return (
        row.name,
        f"{row.ours:.1f}",
        f"{row.counterpart:.1f}",
        row.unit,
        ratio if row.counterpart else "",
        limit(row),
        verdict(row),
    )


def limit(row: Row) -> str:
    """Return a row's limit, as text."""
    if row.limit is None:
        return ""
    if not row.counterpart:
        return f"0 {row.unit}"
    more = f", or {row.within:g} {row.unit} more" if row.within is not None else ""
    return f"{row.limit:.2f}{more}"


def verdict(row: Row) -> str:
    """Return whether the row meets its limit, as text."""
    if row.limit is None:
        return ""
    return "kept" if row.held else "missed"


def markdown(rows: Iterable[Row]) -> str:
    """Return the table of a page."""
    return _markdown(COLUMNS, map(cells, rows))


def side_markdown(table: SideTable) -> str:
    """Return a table of several sides, without its title."""
    return _markdown(table.columns, table.lines)


def _markdown(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    head = f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|\n"
    return head + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show(rows: Sequence[Row], sides: Sequence[SideTable], console: Console | None = None) -> None:
    """Print the tables; rows beyond their limit are red."""
    console = console or Console(highlight=False)
    _show(
        "",
        COLUMNS,
        [cells(row) for row in rows],
        ["" if row.held else "red" for row in rows],
        console,
    )
    for table in sides:
        _show(table.title, table.columns, table.lines, [""] * len(table.lines), console)


def _show(
    title: str,
    columns: Sequence[str],
    lines: Sequence[Sequence[str]],
    styles: Sequence[str],
    console: Console,
) -> None:
    """Print one table: as a table where its columns fit, else a paragraph for each line."""
    if title:
        console.print(Text(f"\n{title}", "bold"))
    table = _table(columns, lines, styles, console.width)
    if table is not None:
        console.print(table)
        return
    for (name, *values), style in zip(lines, styles, strict=True):
        console.print(Text(name, f"bold {style}"))
        said = [f"{c} {v}".strip() for c, v in zip(columns[1:], values, strict=True) if v]
        console.print(Text(_paragraph(said, console.width), style))


def _table(
    columns: Sequence[str], lines: Sequence[Sequence[str]], styles: Sequence[str], width: int
) -> Table | None:
    """Return a table that is no wider than that, or None; only names are folded."""
    longest, *others = (max(map(len, cells)) for cells in zip(columns, *lines, strict=True))
    left = width - sum(others) - _BETWEEN * len(columns)
    if left < min(LEAST_NAME, longest):
        return None
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(columns[0], width=min(left, longest))
    for column, needs in zip(columns[1:], others, strict=True):
        table.add_column(column, width=needs, no_wrap=True)
    for line, style in zip(lines, styles, strict=True):
        table.add_row(*line, style=style)
    return table


def _paragraph(cells: Sequence[str], width: int) -> str:
    """Return indented lines of cells; none of them is cut where a line can have it whole."""
    lines: list[str] = []
    for cell in cells:
        if lines and len(f"{lines[-1]} · {cell}") <= width - len(_INDENT):
            lines[-1] += f" · {cell}"
        else:
            lines.extend(textwrap.wrap(cell, max(1, width - len(_INDENT))))
    return "\n".join(f"{_INDENT}{line}" for line in lines)

"""Tables for people: the keys of JSON, instants in local time, numbers aligned right.

Callers, accounts and gateways choose texts: `console` prints none that a terminal would obey.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pbxbilling.kernel.text import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PIPE_WIDTH = 200  # of output that is no terminal: nothing folds there


def console() -> Console:
    """Return the terminal; without one, a page wide enough for each row to stay on one line."""
    from rich.console import Console

    class Page(Console):
        def print(self, *objects: Any, **how: Any) -> None:
            super().print(*(shown(one) if isinstance(one, str) else one for one in objects), **how)

    folds = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Page(width=None if folds else _PIPE_WIDTH, highlight=False, markup=False)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    """Build a table of these keys of the rows."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        numbers = all(_is_number(row.get(column)) for row in rows)
        drawn.add_column(
            column.replace("_", " "),
            justify="right" if numbers else "left",
            overflow="fold",  # a shortened id would be useless
        )
    for row in rows:
        drawn.add_row(*(cell(column, row.get(column)) for column in columns))
    return drawn


def show(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as one table; without rows, one line says so."""
    console().print(table(rows, columns) if rows else f"no {title}")


def cell(key: str, value: Any) -> str:
    """Format a value for people; its key tells whether it is an instant, seconds or minutes."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(cell("", one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{shown(name)} {cell(name, one)}" for name, one in value.items())
    if key in {"at", "since"} or key.endswith(("_at", "_until")):
        return local_time(value)
    if key.endswith("_seconds"):
        return f"{value:.1f}"
    if key.endswith("_minutes"):
        return f"{Decimal(value):.2f}"
    return shown(str(value))


def local_time(instant: str) -> str:
    """Format an instant in local time, to the second."""
    return f"{datetime.fromisoformat(instant).astimezone():%Y-%m-%d %H:%M:%S}"


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.replace(".", "", 1).isdecimal()
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))

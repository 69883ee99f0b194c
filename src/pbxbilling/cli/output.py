"""What a command prints: JSON for programs, tables for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any


def print_json(result: Any) -> None:
    """The result as it came."""
    import orjson

    sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")


def print_rows(
    title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Many things: a table of the columns that fit a screen, or all of them as JSON."""
    if as_json:
        print_json(rows)
        return
    from pbxbilling.cli.tables import show

    show(title, rows, columns)


def print_one(title: str, row: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: a line a key, or JSON."""
    if as_json:
        print_json(row)
        return
    from pbxbilling.cli.tables import show_one

    show_one(title, row)

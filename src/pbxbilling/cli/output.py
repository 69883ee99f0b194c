"""What a command prints: JSON for programs, a table or a page for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer


def print_json(result: Any) -> None:
    """The result as it came."""
    import orjson

    typer.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2))


def print_rows(
    title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Many things: a table of the columns that fit a screen, or all of them as JSON."""
    if as_json:
        print_json(rows)
        return
    from pbxbilling.cli.tables import show

    show(title, rows, columns)


def print_page(
    result: Mapping[str, Any], show: Callable[[Mapping[str, Any]], None], *, as_json: bool
) -> None:
    """One thing that has a page of its own, or JSON."""
    if as_json:
        print_json(result)
    else:
        show(result)


def print_done(result: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """What was done, in a sentence; or JSON."""
    if as_json:
        print_json(result)
    else:
        typer.echo(sentence)

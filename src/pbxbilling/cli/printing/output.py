"""Prints results: JSON for programs, a table or a page for people. Nothing else calls `echo`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from pbxbilling.kernel.text import escaped, shown

NOTHING_WRITTEN = "nothing was written: --dry-run"

STANDARD = Path("-")  # standard output or input


def print_json(result: Any) -> None:
    """Print a result as JSON, with escapes for what a terminal would obey."""
    import orjson

    typer.echo(escaped(orjson.dumps(result, option=orjson.OPT_INDENT_2)))


def print_line(text: str) -> None:
    """Print one line for people, without what a terminal would obey."""
    typer.echo(shown(text))


def print_csv(text: str) -> None:
    """Print a CSV file as it is: its cells were cleaned when they were written."""
    typer.echo(text, nl=False)


def print_rows(
    title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Print rows as a table of the columns that fit a screen, or whole as JSON."""
    if as_json:
        print_json(rows)
        return
    from pbxbilling.cli.printing.tables import show

    show(title, rows, columns)


def print_page(
    result: Mapping[str, Any], show: Callable[[Mapping[str, Any]], None], *, as_json: bool
) -> None:
    """Print one result as a page, or as JSON."""
    if as_json:
        print_json(result)
    else:
        show(result)


def print_done(
    result: Mapping[str, Any], sentence: str, notes: Iterable[str] = (), *, as_json: bool
) -> None:
    """Print what was done as a sentence with its notes, or as JSON."""
    if as_json:
        print_json(result)
        return
    print_line(sentence)
    print_notes(notes)


def print_notes(notes: Iterable[str]) -> None:
    """Print notes about what was done."""
    for note in notes:
        print_line(f"note: {note}")


def write_file(file: Path, made: bytes) -> bool:
    """Write bytes to a file, or to standard output for `-`; return whether it is in a file.

    Only this user can read the file. Raises StoreError if it cannot be written.
    """
    from pbxbilling.store.database.new_file import new_file

    if file == STANDARD:
        typer.echo(made, nl=False)
        return False
    with new_file(file, replace=True) as partial:
        partial.write_bytes(made)
    return True

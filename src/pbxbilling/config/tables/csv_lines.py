"""Reads the lines of a CSV file (RFC 4180), each with its number, and checks its header."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import NamedTuple

from pbxbilling.config.faults import ConfigError, Fault
from pbxbilling.config.validation_messages import unknown_key


class Line(NamedTuple):
    """A row and the line of the file on which it begins."""

    number: int
    cells: list[str]


def csv_lines(text: str, source: str) -> Iterator[Line]:
    """Yield the rows, separated by commas or, as spreadsheets of many countries do, by semicolons.

    Raises ConfigError for what is not CSV.
    """
    first_line = text.partition("\n")[0]
    delimiter = ";" if ";" in first_line and "," not in first_line else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            message = (
                f"not valid CSV ({error}): close every quoted cell, and double the quotes inside"
            )
            raise ConfigError([Fault(source, begins, "", message)]) from error
        if cells is None:
            return
        yield Line(begins, cells)


def column_faults(columns: Sequence[str], known: Sequence[str], source: str) -> Iterator[Fault]:
    """Yield the faults of a header: columns that are unknown, or named twice."""
    for number, column in enumerate(columns):
        if column not in known:
            yield Fault(source, 1, column, unknown_key(column, list(known), "column"))
        elif column in columns[:number]:
            yield Fault(source, 1, column, "this column occurs twice: remove one")


def length_fault(line: Line, columns: Sequence[str], source: str) -> Fault:
    """Return the fault of a row whose cells are not as many as the columns."""
    message = (
        f"{len(line.cells)} cells under {len(columns)} columns: quote cells that contain the"
        " delimiter"
    )
    return Fault(source, line.number, "", message)

"""Write values as cells of a CSV file that is safe in spreadsheets, and read them without loss.

A spreadsheet takes a cell for a formula that begins with = + - @, in any width (U+FF1D too),
perhaps after spaces, and some strip a tab, a return or a line feed in front first. A customer's
name must not become one: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable
from typing import TextIO

_FORMULA = frozenset("=+-@")
_STRIPPED = ("\t", "\r", "\n")
_ITEM = re.compile(r"(?:\\[\\;]|[^;])+")
_ESCAPED = re.compile(r"\\([\\;])")


def guarded(text: str) -> str:
    """Return the text, with a ' before a formula and before a ' that `unguarded` would remove."""
    quoted = text.startswith("'") and _is_quoted(text[1:])
    return f"'{text}" if quoted or _is_formula(text) else text


def unguarded(cell: str) -> str:
    """Return the text of a cell without the ' of `guarded`; any other ' belongs to the text."""
    return cell[1:] if cell.startswith("'") and _is_quoted(cell[1:]) else cell


def _is_quoted(text: str) -> bool:
    return text.startswith("'") or _is_formula(text)


def _is_formula(text: str) -> bool:
    """Return whether a spreadsheet might calculate it, were it to drop what cannot be seen."""
    if text.startswith(_STRIPPED):
        return True
    first = next((one for one in text if one.isprintable() and not one.isspace()), "")
    return bool(_FORMULA.intersection(unicodedata.normalize("NFKC", first)))


def write_rows(file: TextIO, rows: Iterable[Iterable[object]]) -> None:
    """Write rows with every cell in quotes.

    A spreadsheet that separates by semicolons or tabs must not find another cell within one.
    """
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)


def joined(items: Iterable[str]) -> str:
    """Join values into one cell with semicolons; those within a value get a backslash."""
    return ";".join(re.sub(r"([\\;])", r"\\\1", item) for item in items)


def parted(cell: str) -> list[str]:
    """Return the values of a cell of `joined`, without surrounding spaces and empty values."""
    items = (item.strip() for item in _ITEM.findall(cell))
    return [_ESCAPED.sub(r"\1", item) for item in items if item]

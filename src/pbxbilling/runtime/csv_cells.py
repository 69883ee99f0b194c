"""Write values as cells of a CSV file that is safe in spreadsheets, and read them without loss.

A spreadsheet takes a cell that begins with = + - @ (or a tab, or a return) for a formula, and a
customer's name must not become one: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_FORMULA = tuple("=+-@\t\r")
_QUOTED = (*_FORMULA, "'")
_ITEM = re.compile(r"(?:\\[\\;]|[^;])+")
_ESCAPED = re.compile(r"\\([\\;])")


def guarded(text: str) -> str:
    """Return the text, with a ' before a formula and before a ' that `unguarded` would remove."""
    quoted = text.startswith("'") and text[1:].startswith(_QUOTED)
    return f"'{text}" if quoted or text.startswith(_FORMULA) else text


def unguarded(cell: str) -> str:
    """Return the text of a cell without the ' of `guarded`; any other ' belongs to the text."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_QUOTED) else cell


def joined(items: Iterable[str]) -> str:
    """Join values into one cell with semicolons; those within a value get a backslash."""
    return ";".join(re.sub(r"([\\;])", r"\\\1", item) for item in items)


def parted(cell: str) -> list[str]:
    """Return the values of a cell of `joined`, without surrounding spaces and empty values."""
    items = (item.strip() for item in _ITEM.findall(cell))
    return [_ESCAPED.sub(r"\1", item) for item in items if item]

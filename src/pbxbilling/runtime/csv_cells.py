"""Values as cells of a CSV file that spreadsheets may open, and back without loss.

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
    """The text with a ' before what a spreadsheet would calculate (or we would take off again)."""
    quoted = text.startswith("'") and text[1:].startswith(_QUOTED)
    return f"'{text}" if quoted or text.startswith(_FORMULA) else text


def unguarded(cell: str) -> str:
    """The text of a cell, without the ' of `guarded`; any other ' is the text's own."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_QUOTED) else cell


def joined(items: Iterable[str]) -> str:
    """Many values in one cell: between them a semicolon, within them one behind a backslash."""
    return ";".join(re.sub(r"([\\;])", r"\\\1", item) for item in items)


def parted(cell: str) -> list[str]:
    """The values of `joined`; spaces around them and empty ones are dropped."""
    items = (item.strip() for item in _ITEM.findall(cell))
    return [_ESCAPED.sub(r"\1", item) for item in items if item]

"""Finds the line of each key in a TOML file: errors must name it, and `tomllib` does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

KeyPath = tuple[str | int, ...]

_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # multi-line strings first: they can hold brackets and newlines
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]"
    r"|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)
_SEGMENT = r"(?:[A-Za-z0-9_-]+|\"(?:\\.|[^\"\\])*\"|'[^']*')"
_DOTTED = re.compile(rf"\s*({_SEGMENT}(?:\s*\.\s*{_SEGMENT})*)\s*")
_TABLE = re.compile(r"\[\s*\[(.*)\]\s*\]|\[(.*)\]", re.DOTALL)
_ONE = re.compile(_SEGMENT)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Map the keys and tables of a TOML text that `tomllib` accepts to their lines (1-based).

    A table in an array of tables has its index in the path: `("pbx", 0, "port")`. Keys inside an
    inline table have no entry: `line_of` finds the line of the value that contains them.
    """
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in _statements(text):
        header = _TABLE.fullmatch(statement)
        if header is None:
            path = table + _path(statement)
        elif header[1] is not None:
            name = _resolve(_path(header[1]), counts)
            counts[name] = counts.get(name, -1) + 1
            lines.setdefault(name, line)
            path = table = (*name, counts[name])
        else:
            path = table = _resolve(_path(header[2]), counts)
        lines.setdefault(path, line)
    return lines


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """Return the line of a key, else of the nearest table around it; None if there is neither."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield key/value pairs and table headers, each with the line on which it begins."""
    line, start, depth, pieces = 1, 1, 0, list[str]()
    for match in _PIECE.finditer(text + "\n"):
        piece = match[0]
        depth += (piece in ("[", "{")) - (piece in ("]", "}"))
        if piece == "\n" and depth == 0:
            if statement := "".join(pieces).strip():
                yield start, statement
            pieces, start = [], line + 1
        elif not piece.startswith("#"):
            pieces.append(piece)
        line += piece.count("\n")


def _path(text: str) -> tuple[str, ...]:
    dotted = _DOTTED.match(text)
    return tuple(part.strip("\"'") for part in _ONE.findall(dotted[1])) if dotted else ()


def _resolve(name: tuple[str, ...], counts: Mapping[KeyPath, int]) -> KeyPath:
    """Insert indices into a table's name: `[pbx.extra]` belongs to the last `[[pbx]]` before it."""
    path: KeyPath = ()
    for part in name[:-1]:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path])
    return (*path, *name[-1:])

"""The files that an `#include` names by a pattern, as glob(3) finds them for Asterisk."""

from __future__ import annotations

import glob
import re
from pathlib import Path

_BRACES = re.compile(r"\{([^{}]*)\}")


def matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a pattern, in Asterisk's order; one without `*?[{` need not exist."""
    found: list[Path] = []
    for one in _braced(pattern):
        path = Path(one) if one.startswith("/") else folder / one
        matched = sorted(glob.glob(str(path)))
        found += [Path(match) for match in matched]
    return found


def _braced(pattern: str) -> list[str]:
    """Return the patterns of one with `{a,b}`, the inner ones first."""
    braces = _BRACES.search(pattern)
    if braces is None:
        return [pattern]
    before, after = pattern[: braces.start()], pattern[braces.end() :]
    return [one for word in braces[1].split(",") for one in _braced(f"{before}{word}{after}")]


def unquoted(text: str) -> str:
    """Return what an `#include` names, without its quotes or angle brackets."""
    for opened, closed in (('"', '"'), ("<", ">")):
        if text.startswith(opened) and text.endswith(closed) and len(text) > 1:
            return text[1:-1]
    return text

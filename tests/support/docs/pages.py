"""Reads code blocks of README.md and docs/, so that a test runs what a page shows."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[3]


def blocks(page: str, heading: str) -> list[str]:
    """Return the fenced blocks below a heading, up to the next heading of any level.

    Raises KeyError if there is no such heading or block.
    """
    found: dict[str, list[str]] = {}
    under = ""
    fenced = False
    for line in (_ROOT / page).read_text().splitlines(keepends=True):
        if line.strip().startswith("```"):
            fenced = not fenced
            if fenced:
                found.setdefault(under, []).append("")
        elif fenced:
            found[under][-1] += line
        elif line.startswith("#"):
            under = line.lstrip("#").strip()
    return found[heading]


def files(page: str, heading: str) -> dict[str, str]:
    """Return the files in such blocks: each begins with its name, as a comment."""
    found: dict[str, str] = {}
    for part in re.split(
        r"^; (?=[\w.]+\.conf$)", "".join(blocks(page, heading)), flags=re.MULTILINE
    ):
        name, _, text = part.partition("\n")
        if name:
            found[name] = text
    return found

"""Reads fenced blocks of README.md and docs/, so that what a page shows is what is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHELL = ""
"""The language of blocks that hold commands: they name none."""


@dataclass(slots=True)
class Fence:
    """One fenced block of a page."""

    heading: str
    """The one above it, of any level."""
    language: str
    text: str = ""


def fences(page: str) -> list[Fence]:
    """Return the blocks of a page, in order; text below a list's item loses its indent."""
    found: list[Fence] = []
    heading, indent = "", 0
    fenced = False
    for line in (ROOT / page).read_text().splitlines(keepends=True):
        if line.strip().startswith("```"):
            fenced = not fenced
            indent = len(line) - len(line.lstrip())
            if fenced:
                found.append(Fence(heading, line.strip().removeprefix("```")))
        elif fenced:
            found[-1].text += line[indent:] if line[:indent].isspace() else line
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
    return found


def blocks(page: str, heading: str, language: str | None = None) -> list[str]:
    """Return the texts of the blocks below a heading, up to the next heading of any level.

    With a language, only those in it. Raises KeyError if there is no such heading or block.
    """
    texts = [
        fence.text
        for fence in fences(page)
        if fence.heading == heading and language in {None, fence.language}
    ]
    if not texts:
        raise KeyError(f"{page}: no such block below {heading!r}")
    return texts


def commands(text: str) -> list[str]:
    """Return the commands of a block, one a line, without comments."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]

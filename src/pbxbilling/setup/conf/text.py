"""The text of a configuration file as Asterisk takes it: line by line, comments left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_BLANK = "".join(chr(code) for code in range(33))
_LINE_MOST = 8190  # bytes of a line; a longer one is skipped
_BLOCKS_MOST = 128
_CUT = "\0"


def text_of(path: Path) -> str:
    """Return a file's text; bytes that are no UTF-8 survive a round trip."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def stripped(text: str) -> str:
    """Return a text without control characters and spaces at its ends, and no others."""
    return text.strip(_BLANK)


def significant(text: str, comments: Comments | None = None) -> Iterator[tuple[int, str, str]]:
    """Yield number, text without comments, and text as it is, of each line that says something.

    The files that one `#include` names share `comments`: a block may begin in one of them and end
    in the next.
    """
    comments = comments or Comments()
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if len(raw.encode("utf-8", "surrogateescape")) > _LINE_MOST:
            continue
        if said := stripped(comments.left_out(raw)):
            yield number, said, raw.rstrip("\r")


class Comments:
    """Where a file stands within `;-- … --;`, which may hold others of its kind.

    `\\;` is a semicolon, `;---` opens no block. As in Asterisk, a `--;` outside of any block
    swallows the rest of the file, up to the next `;--`.
    """

    def __init__(self) -> None:
        self._depth = 0

    def left_out(self, text: str) -> str:
        """Return what a line says outside of comments."""
        start = None if self._depth else 0
        look = 0
        while (at := text.find(";", look)) >= 0:
            if at > look and text[at - 1] == "\\":
                text = text[: at - 1] + text[at:]
                look = at
            elif text.startswith("--", at + 1) and not text.startswith("-", at + 3):
                text, look = self._opened(text, at)
            elif at >= look + 2 and text.startswith("--", at - 2):
                text, look, start = self._closed(text, at + 1, start)
            elif self._depth:
                look = at + 1
            else:
                text = text[:at]
        return "" if start is None else text[start:].partition(_CUT)[0]

    def _opened(self, text: str, at: int) -> tuple[str, int]:
        if self._depth < _BLOCKS_MOST:
            self._depth += 1
        return f"{text[:at]}{_CUT}{text[at + 1 :]}", at + 3

    def _closed(self, text: str, look: int, start: int | None) -> tuple[str, int, int | None]:
        self._depth -= 1
        if self._depth:
            return text, look, start
        if start is None:
            return text, look, look
        end = text.find(_CUT, start)
        return text[:end] + text[look:], end, start

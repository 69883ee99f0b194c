"""Make text for records, log lines and people: of bytes from Asterisk, of names, of errors.

Parts of what AMI and the journal hold come from callers, in any charset that their phones use, and
may hold what a terminal obeys (ESC, C1) or what turns a line around (bidirectional controls).
"""

from __future__ import annotations

import re

NAME_MOST = 200  # characters of a name or a reason: a line of a statement's page holds it
LINES_MOST = 1000  # of an address or a description

# Control characters, separators of lines, and what overrides the direction of text; a joiner or a
# mark of direction (U+200C to U+200F) belongs to how some names are written.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSEEN = re.compile(r"[^\x20-\x7e\n]")


def decode(block: bytes) -> str:
    """Return the text of a block: UTF-8, except that lines which are not are read as Latin-1.

    No byte is lost, and the text can be stored and sent on, unlike lone surrogates.
    """
    try:
        return block.decode()
    except UnicodeDecodeError:
        return "\r\n".join(map(_decode_line, block.split(b"\r\n")))


def _decode_line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def printable(text: str) -> str:
    """Return the text without control characters and all else that is not printed."""
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def shown(text: str) -> str:
    """Return the text for one line of a terminal: as `printable`, but any blank is a space."""
    if text.isprintable():
        return text
    return printable("".join(" " if one.isspace() else one for one in text))


def escaped(line: bytes) -> bytes:
    """Return JSON with all that is not printed as escapes; a reader of JSON gets the same."""
    if line.isascii() and b"\x7f" not in line:
        return line
    return _UNSEEN.sub(_escape, line.decode()).encode()


def _escape(found: re.Match[str]) -> str:
    one = found[0]
    if one.isprintable():
        return one
    units = one.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def check_name(text: str) -> str:
    """Return a name or reason itself. Raises ValueError if it is long or has control characters."""
    return _checked(text, text, NAME_MOST)


def check_lines(text: str) -> str:
    """Return an address or description with its line feeds; raises as `check_name`.

    A line may end as on Windows: there a spreadsheet writes it so.
    """
    lines = text.replace("\r\n", "\n")
    return _checked(lines, lines.replace("\n", ""), LINES_MOST)


def _checked(text: str, without: str, most: int) -> str:
    if len(text) > most:
        msg = f"expected {most} characters at the most, got {len(text)}"
        raise ValueError(msg)
    control = _CONTROLS.search(without)
    if control is not None:
        msg = f"expected text without control characters, got U+{ord(control[0]):04X} in it"
        raise ValueError(msg)
    return text


def in_words(error: BaseException) -> str:
    """Return an unforeseen error for the log, with its type: the message alone says too little."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(in_words, error.exceptions))
    return f"{type(error).__name__}: {error}"

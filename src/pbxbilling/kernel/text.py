"""Text for records and lines: of bytes that Asterisk sends, and of faults that nobody foresaw.

Callers write parts of what AMI and the journal hold, in whatever charset their phones have.
"""

from __future__ import annotations


def decode(block: bytes) -> str:
    """The text of a block: UTF-8, and line by line Latin-1 where a line is not UTF-8.

    No byte is lost, and the text can be stored and sent on, which lone surrogates cannot.
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


def in_words(error: BaseException) -> str:
    """A fault that nobody foresaw, for the log: its words alone say too little."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(in_words, error.exceptions))
    return f"{type(error).__name__}: {error}"

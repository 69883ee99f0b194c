"""Text as Asterisk sends it, over AMI and in its journal: callers write parts of it."""

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

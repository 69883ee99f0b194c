"""Make text for records and log lines: of bytes from Asterisk, and of unforeseen errors.

Parts of what AMI and the journal hold come from callers, in any charset that their phones use.
"""

from __future__ import annotations


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


def in_words(error: BaseException) -> str:
    """Return an unforeseen error for the log, with its type: the message alone says too little."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(in_words, error.exceptions))
    return f"{type(error).__name__}: {error}"

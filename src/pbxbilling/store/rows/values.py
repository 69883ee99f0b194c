"""Converts instants and text for columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_

from pbxbilling.runtime.flat import Codec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Values = dict[str, Any]


def to_us(at: datetime | None) -> int | None:
    """Return µs since the epoch; exact, unlike a float of seconds."""
    if at is None:
        return None
    past = at - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def from_us(us: int | None) -> datetime | None:
    """Return the aware UTC instant that many µs after the epoch; None for None."""
    return None if us is None else instant(us)


def instant(us: int) -> datetime:
    """Return the instant as `from_us` does, for columns that are never null."""
    return _EPOCH + timedelta(microseconds=us)


def storable(text: str) -> str:
    r"""Return text that every database can hold.

    Undecodable bytes from the PBX are written as `\udcXX`, and zeros, which PostgreSQL has no place
    for, as `\x00`.
    """
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


INSTANT = Codec(to_us, instant)
INSTANT_OR_NONE = Codec(to_us, from_us)
TEXT = Codec(write=storable)  # text from outside


def within(column: ColumnElement[int], begins: datetime, ends: datetime) -> ColumnElement[bool]:
    """Match rows whose instant in the column is in [begins, ends)."""
    return and_(column >= to_us(begins), column < to_us(ends))

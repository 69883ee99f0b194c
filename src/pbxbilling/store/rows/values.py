"""Converts instants and text for columns, and covers where the SQL dialects differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Table, and_, func
from sqlalchemy.dialects import postgresql, sqlite

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
    r"""Return text that UTF-8 can hold: undecodable bytes from the PBX are written as `\udcXX`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


INSTANT = Codec(to_us, instant)
INSTANT_OR_NONE = Codec(to_us, from_us)
TEXT = Codec(write=storable)  # text from outside


def within(column: ColumnElement[int], begins: datetime, ends: datetime) -> ColumnElement[bool]:
    """Match rows whose instant in the column is in [begins, ends)."""
    return and_(column >= to_us(begins), column < to_us(ends))


# Both dialects share the ON CONFLICT grammar: the type names PostgreSQL's for both.
_INSERTS: Mapping[str, Callable[[Table], postgresql.Insert]] = {
    "sqlite": cast("Callable[[Table], postgresql.Insert]", sqlite.insert),
    "postgresql": postgresql.insert,
}


def inserting(dialect: str, table: Table) -> postgresql.Insert:
    """Return the dialect's INSERT, which supports ON CONFLICT."""
    return _INSERTS[dialect](table)


def one_array(columns: Iterable[Column[Any]]) -> ColumnElement[Any]:
    """Return the columns as one JSON array, NULLs included.

    `json_array` is SQLite's function; PostgreSQL's `json_array` omits NULLs, so it would need
    `json_build_array`.
    """
    return func.json_array(*columns)

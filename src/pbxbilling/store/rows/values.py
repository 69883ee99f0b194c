"""How instants and text stand in columns, and what each database spells in a way of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Table, and_, func
from sqlalchemy.dialects import postgresql, sqlite

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Values = dict[str, Any]


def to_us(at: datetime | None) -> int | None:
    """µs since the epoch, exact (a float of seconds would not be)."""
    if at is None:
        return None
    past = at - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def from_us(us: int | None) -> datetime | None:
    """The aware UTC instant of so many µs since the epoch."""
    return None if us is None else instant(us)


def instant(us: int) -> datetime:
    """As `from_us`, for columns that are never null."""
    return _EPOCH + timedelta(microseconds=us)


def storable(text: str) -> str:
    r"""Text as UTF-8 can hold it: a byte that the PBX sent and nobody could decode is `\udcXX`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def within(column: ColumnElement[int], begins: datetime, ends: datetime) -> ColumnElement[bool]:
    """Whether the instant in a column is in [begins, ends)."""
    return and_(column >= to_us(begins), column < to_us(ends))


# Two dialects, one grammar: PostgreSQL stands for both in the type.
_INSERTS: Mapping[str, Callable[[Table], postgresql.Insert]] = {
    "sqlite": cast("Callable[[Table], postgresql.Insert]", sqlite.insert),
    "postgresql": postgresql.insert,
}


def inserting(dialect: str, table: Table) -> postgresql.Insert:
    """An INSERT that can say what becomes of a row whose key is there already."""
    return _INSERTS[dialect](table)


def one_array(columns: Iterable[Column[Any]]) -> ColumnElement[Any]:
    """The columns as one JSON array, NULLs included.

    SQLite's spelling. PostgreSQL's is `json_build_array`; its `json_array` leaves NULLs out.
    """
    return func.json_array(*columns)

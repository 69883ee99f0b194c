"""What each database spells in a way of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Table, func
from sqlalchemy.dialects import postgresql, sqlite

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

"""What all tables have in common."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    String,
    literal_column,
)

metadata = MetaData()

# SQLite numbers rows by itself only where the key is exactly INTEGER.
RowNumber = BigInteger().with_variant(Integer, "sqlite")
Object = JSON(none_as_null=True)


def partial_index(name: str, where: ColumnElement[bool], *columns: Column[object]) -> None:
    """An index of those rows alone; a query has to spell `where` in the same way to use it."""
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


def spelled(value: StrEnum) -> ColumnElement[str]:
    """The value itself in the SQL: where it is a parameter, no partial index applies."""
    return literal_column(f"'{value.value}'", String)

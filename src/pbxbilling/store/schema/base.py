"""Defines what all tables share: metadata, column types and partial indexes."""

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

# SQLite assigns row numbers only where the type of the key is exactly INTEGER.
RowNumber = BigInteger().with_variant(Integer, "sqlite")
Object = JSON(none_as_null=True)
# Ordered by its bytes on every database, whatever the language of a server's.
Text = String().with_variant(String(collation="C"), "postgresql")


def partial_index(name: str, where: ColumnElement[bool], *columns: Column[object]) -> None:
    """Add an index of the rows that match; it serves queries that spell `where` the same way."""
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


def spelled(value: StrEnum) -> ColumnElement[str]:
    """Return the value as an SQL literal: with a parameter, no partial index would apply."""
    return literal_column(f"'{value.value}'", String)

"""What SQL databases spell differently: upserts, JSON, sums."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    String,
    Table,
    Text,
    func,
    literal_column,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

# Both dialects share the ON CONFLICT grammar: the type names PostgreSQL's for both.
_INSERTS: Mapping[str, Callable[[Table], postgresql.Insert]] = {
    "sqlite": cast("Callable[[Table], postgresql.Insert]", sqlite.insert),
    "postgresql": postgresql.insert,
}


def inserting(dialect: str, table: Table) -> postgresql.Insert:
    """Return the dialect's INSERT, which supports ON CONFLICT."""
    return _INSERTS[dialect](table)


def total(of: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the sum of integers as one: PostgreSQL's would be a number of any size."""
    return sql_cast(func.sum(of), BigInteger)


class OneArray(FunctionElement[str]):
    """The text of a JSON array of columns, NULLs included; a JSON column is text in it."""

    inherit_cache = True
    type = String()


def one_array(columns: Iterable[Column[Any]]) -> ColumnElement[str]:
    """Return the columns as the text of one JSON array."""
    return OneArray(*columns)


@compiles(OneArray, "sqlite")
def _array_of_sqlite(element: OneArray, compiler: SQLCompiler, **how: Any) -> str:
    return f"json_array({_listed(element.clauses, compiler, how)})"


@compiles(OneArray, "postgresql")
def _array_of_postgresql(element: OneArray, compiler: SQLCompiler, **how: Any) -> str:
    # Its json_array() leaves NULLs out.
    cells = [
        sql_cast(cell, Text) if isinstance(cell.type, JSON) else cell for cell in element.clauses
    ]
    return f"CAST(json_build_array({_listed(cells, compiler, how)}) AS text)"


class Members(FunctionElement[Any]):
    """The rows of a JSON object's member that is an array: one column, `value`."""

    inherit_cache = True


def members(document: ColumnElement[Any], key: str) -> Members:
    """Return the members of the array that a JSON object has under a key."""
    return Members(document, _named(key))


@compiles(Members, "sqlite")
def _members_of_sqlite(element: Members, compiler: SQLCompiler, **how: Any) -> str:
    return f"json_each({_with_path(element, compiler, how)})"


@compiles(Members, "postgresql")
def _members_of_postgresql(element: Members, compiler: SQLCompiler, **how: Any) -> str:
    document, key = _sides(element, compiler, how)
    return f"json_array_elements({document} -> {key})"


class Member(FunctionElement[str]):
    """The text of a JSON object's member; NULL where there is none."""

    inherit_cache = True
    type = String()


def member(value: ColumnElement[Any], key: str) -> ColumnElement[str]:
    """Return what a JSON object has under a key, as text."""
    return Member(value, _named(key))


@compiles(Member, "sqlite")
def _member_of_sqlite(element: Member, compiler: SQLCompiler, **how: Any) -> str:
    return f"json_extract({_with_path(element, compiler, how)})"


@compiles(Member, "postgresql")
def _member_of_postgresql(element: Member, compiler: SQLCompiler, **how: Any) -> str:
    value, key = _sides(element, compiler, how)
    return f"(({value}) ->> {key})"


class Without(FunctionElement[Any]):
    """A JSON object without some of its members."""

    inherit_cache = True
    type = JSON(none_as_null=True)


def without(document: ColumnElement[Any], keys: Collection[str]) -> ColumnElement[Any]:
    """Return a JSON object without these members; NULL stays NULL."""
    return Without(document, *map(_named, keys))


@compiles(Without, "sqlite")
def _without_of_sqlite(element: Without, compiler: SQLCompiler, **how: Any) -> str:
    return f"json_remove({_with_path(element, compiler, how)})"


@compiles(Without, "postgresql")
def _without_of_postgresql(element: Without, compiler: SQLCompiler, **how: Any) -> str:
    document, *keys = _sides(element, compiler, how)
    gone = "".join(f" - {key}" for key in keys)
    return f"CAST(CAST({document} AS jsonb){gone} AS json)"


def _named(key: str) -> ColumnElement[str]:
    """Return a key as an SQL literal. Raises ValueError for one that is no plain name."""
    if not key.isidentifier():
        raise ValueError(f"{key!r} is no name of a member")
    return literal_column(f"'{key}'", String)


def _sides(
    element: FunctionElement[Any], compiler: SQLCompiler, how: Mapping[str, Any]
) -> list[str]:
    return [compiler.process(side, **how) for side in element.clauses]


def _with_path(element: FunctionElement[Any], compiler: SQLCompiler, how: Mapping[str, Any]) -> str:
    """Return the document and SQLite's paths of its members, which stand in quotes."""
    document, *keys = _sides(element, compiler, how)
    return ", ".join([document, *(f"'$.{key[1:]}" for key in keys)])


def _listed(
    cells: Iterable[ColumnElement[Any]], compiler: SQLCompiler, how: Mapping[str, Any]
) -> str:
    return ", ".join(compiler.process(cell, **how) for cell in cells)

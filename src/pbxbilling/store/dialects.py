"""What each database spells in a way of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

# Two dialects, one grammar: PostgreSQL stands for both in the type.
_INSERTS: Mapping[str, Callable[[Table], postgresql.Insert]] = {
    "sqlite": cast("Callable[[Table], postgresql.Insert]", sqlite.insert),
    "postgresql": postgresql.insert,
}


def inserting(dialect: str, table: Table) -> postgresql.Insert:
    """An INSERT that can say what becomes of a row whose key is there already."""
    return _INSERTS[dialect](table)

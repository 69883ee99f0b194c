"""Rows as the database's driver takes them, made in another process than the one that writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ClauseElement, Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler

from pbxbilling.kernel.records import Record
from pbxbilling.store.rows.values import Values

DriverRow = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PreparedRows(Record):
    """Rows of the records of one kind, by its name: they need no more than to be handed on."""

    kind: str
    columns: tuple[str, ...]
    rows: Sequence[DriverRow]


class Prepared:
    """A statement as SQL text, and the conversion of values into what the driver takes."""

    def __init__(self, statement: Executable, columns: Iterable[str], dialect: Dialect) -> None:
        element = cast("ClauseElement", statement)  # every statement is both
        compiled = element.compile(dialect=dialect, column_keys=list(columns))
        if not isinstance(compiled, SQLCompiler) or compiled.positiontup is None:
            msg = f"{dialect.name} has no parameters by position"
            raise TypeError(msg)
        self.sql = str(compiled)
        # asyncpg's dialect has SQLAlchemy's subclass of str, which frames do not take.
        self.columns = tuple(map(str, compiled.positiontup))
        self._fixed = {
            name: compiled.binds[name].value
            for name in self.columns
            if not compiled.binds[name].required
        }
        self._writes = [_converts(compiled, name, dialect) for name in self.columns]

    def row(self, values: Values) -> DriverRow:
        """Return the row of these values, with those that the statement fixes."""
        given = self._fixed | values
        return tuple(
            given[name] if write is None else write(given[name])
            for name, write in zip(self.columns, self._writes, strict=True)
        )


def _converts(compiled: SQLCompiler, name: str, dialect: Dialect) -> Callable[[Any], Any] | None:
    return compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)

"""Rows of a table as records and back, by one list of the columns that need a conversion."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Row, Table

from pbxbilling.runtime.flat import AS_IT_IS, NO_PARTS, Codec, Entry, Flat

T = TypeVar("T")


class TableRows(Generic[T]):
    """Maps records of one kind to rows of a table: each field has the column of its name.

    `codecs` convert columns; `parts` are the nested values of the record, as in `Flat`, whose
    fields have columns too. Raises KeyError for a column without a field, other than `unmapped`,
    and ValueError for a field without a column.
    """

    def __init__(
        self,
        kind: type[T],
        table: Table,
        codecs: Mapping[str, Codec],
        parts: Mapping[str, type] = NO_PARTS,
        *,
        unmapped: Collection[str] = (),
    ) -> None:
        paths = dict(_paths("", kind, parts))
        for path, part in parts.items():
            paths |= _paths(f"{path}.", part, parts)
        columns = [column.name for column in table.c if column.name not in unmapped]
        if lacking := paths.keys() - columns:
            raise ValueError(f"{table.name} has no column for {', '.join(sorted(lacking))}")
        entries = (Entry(name, paths[name], codecs.get(name, AS_IT_IS)) for name in columns)
        self.table = table
        self._flat = Flat(kind, *entries, parts=parts)
        self.values = self._flat.write

    def record(self, row: Row[Any]) -> T:
        """Build a record from its row, which has a value for each column."""
        return self._flat.read(dict(zip(row._fields, row, strict=True)))


def _paths(above: str, kind: type, parts: Mapping[str, type]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a class by name and path, without those that are parts."""
    names: Iterable[str] = getattr(kind, "_fields", ())
    if is_dataclass(kind):
        names = [field.name for field in fields(kind)]
    for name in names:
        if f"{above}{name}" not in parts:
            yield name, f"{above}{name}"

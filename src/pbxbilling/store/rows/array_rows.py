"""Rows of a table that is read whole, as one array each, by one list of the record's fields.

There may be 100,000 tenants: their columns are converted column by column. Tables that are read row
by row are mapped in `table_rows.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Generic, TypeVar

from pbxbilling.kernel.records import Record
from pbxbilling.store.rows.values import Values

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A field and its column, which has the same name.

    `write` converts the field's value for the row, `read` the array's for the field; without one
    the value is the same. Neither gets None, which stays None.
    """

    name: str
    write: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """A field in several columns: `write` returns a value for each, `read` takes one from each."""

    name: str
    columns: tuple[str, ...]
    write: Callable[[Any], Iterable[Any]]
    read: Callable[..., Any]


class ArrayRows(Generic[R]):
    """Maps records of one kind. Raises TypeError unless it maps exactly their fields."""

    def __init__(self, record: type[R], *mapped: Mapped | Spread) -> None:
        order = _fields_of(record, mapped)
        ordered = sorted(mapped, key=lambda one: order.index(one.name))
        single = [one for one in ordered if isinstance(one, Mapped)]
        self._spread = [one for one in ordered if isinstance(one, Spread)]
        self._record = record
        self._single = tuple(one.name for one in single)
        self._values = attrgetter(*self._single)
        self._writes = [(one.name, one.write) for one in single if one.write is not None]
        self.columns = tuple(column for one in ordered for column in _columns(one))
        place = self.columns.index
        self._reads = [(place(one.name), one.read) for one in single if one.read is not None]
        self._joins = [(place(one.columns[0]), one) for one in reversed(self._spread)]

    def values(self, record: R) -> Values:
        """Build the row of a record."""
        values: Values = dict(zip(self._single, self._values(record), strict=True))
        for name, write in self._writes:
            if (value := values[name]) is not None:
                values[name] = write(value)
        for one in self._spread:
            written = getattr(record, one.name)
            values.update(zip(one.columns, one.write(written), strict=True))
        return values

    def records(self, arrays: Iterable[Sequence[Any]]) -> Iterator[R]:
        """Build the records of arrays with the values of `columns`, in this order.

        A column of many rows is converted at once: that takes a fifth less than row by row.
        """
        cells: list[Sequence[Any]] = list(zip(*arrays, strict=True))
        if not cells:
            return iter(())
        for place, read in self._reads:
            cells[place] = [None if cell is None else read(cell) for cell in cells[place]]
        for place, one in self._joins:  # from the end: the places before stay
            end = place + len(one.columns)
            cells[place:end] = (list(map(one.read, *cells[place:end])),)
        return map(self._record, *cells)


def _columns(one: Mapped | Spread) -> tuple[str, ...]:
    return one.columns if isinstance(one, Spread) else (one.name,)


def _fields_of(record: type[Any], mapped: Iterable[Mapped | Spread]) -> list[str]:
    names, known = [field.name for field in fields(record)], [one.name for one in mapped]
    if sorted(names) != sorted(known):
        msg = f"{record.__name__}: map each field once: {sorted({*names} ^ {*known})}"
        raise TypeError(msg)
    return names

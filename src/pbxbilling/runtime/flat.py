"""Write values, nested ones too, as one flat mapping and back, by one table for both directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")

NO_PARTS: Mapping[str, type] = MappingProxyType({})


class Codec(NamedTuple):
    """How a value is written into a mapping and read from it; None: as it is."""

    write: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None

    @property
    def or_none(self) -> Codec:
        """The same for a value that may be None, which is written as None."""
        return Codec(_or_none(self.write), _or_none(self.read))


AS_IT_IS = Codec()


def word(kind: type[StrEnum]) -> Codec:
    """Return the codec of a code, which is written as its word."""
    return Codec(attrgetter("value"), kind)


class Entry(NamedTuple):
    """A name in the mapping, the attribute that it holds (`rated.leg.number`), and its codec."""

    name: str
    path: str
    codec: Codec = AS_IT_IS


class Flat(Generic[T]):
    """A table of entries, by which a value is written as a mapping, in their order, and read.

    `parts` are the classes of nested values, by the attribute that has them, the outer ones first.
    """

    def __init__(
        self, kind: type[T], *entries: Entry, parts: Mapping[str, type] = NO_PARTS
    ) -> None:
        self._names = tuple(entry.name for entry in entries)
        self._values = _values_at(*(entry.path for entry in entries))
        self._writes = [(e.name, e.codec.write) for e in entries if e.codec.write is not None]
        self._reads = [(e.name, e.codec.read) for e in entries if e.codec.read is not None]
        kinds = {"": kind, **parts}
        self._parts = [_Part(path, kinds[path], entries, parts) for path in reversed(kinds)]

    def write(self, value: T) -> dict[str, Any]:
        """Return the value as a mapping."""
        written = dict(zip(self._names, self._values(value), strict=True))
        for name, write in self._writes:
            written[name] = write(written[name])
        return written

    def read(self, written: Mapping[str, Any]) -> T:
        """Build the value from a mapping. Raises KeyError where a name is missing."""
        values = dict(written)
        for name, read in self._reads:
            values[name] = read(values[name])
        made: dict[str, Any] = {}
        for part in self._parts:
            made[part.path] = part.made(values, made)
        whole: T = made[""]
        return whole


class _Part:
    """A value of the nest, made from what the mapping has and from the parts inside it."""

    def __init__(
        self, path: str, kind: type, entries: tuple[Entry, ...], parts: Mapping[str, type]
    ) -> None:
        self.path = path
        self._kind = kind
        own = [(field, e.name) for e in entries for field in _field_of(path, e.path)]
        self._fields = tuple(field for field, _ in own)
        self._values = _values_of(*(name for _, name in own))
        self._inner = [(field, part) for part in parts for field in _field_of(path, part)]

    def made(self, values: Mapping[str, Any], made: Mapping[str, Any]) -> Any:
        """Build it; `made` has the parts inside it, by their paths."""
        fields = dict(zip(self._fields, self._values(values), strict=True))
        for field, path in self._inner:
            fields[field] = made[path]
        return self._kind(**fields)


def _field_of(path: str, inner: str) -> tuple[str, ...]:
    """Return the last name of a path, if it is a field of the value at the other path."""
    above, _, field = inner.rpartition(".")
    return (field,) if above == path else ()


def _values_at(*paths: str) -> Callable[[Any], tuple[Any, ...]]:
    get = attrgetter(*paths)
    return get if len(paths) > 1 else lambda value: (get(value),)


def _values_of(*names: str) -> Callable[[Any], tuple[Any, ...]]:
    get = itemgetter(*names)
    return get if len(names) > 1 else lambda mapping: (get(mapping),)


def _or_none(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)

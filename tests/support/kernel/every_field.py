"""Records in which every field differs from its default, made from the fields' declared types.

A field that is added to a record is covered without being listed here, unless its type says less
than what it may hold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from itertools import count
from types import UnionType
from typing import Any, NewType, TypeVar, Union, get_args, get_origin

from pbxbilling.kernel.gateway_names import STRIPE, GatewayName
from tests.support.kernel.samples import types_of
from tests.support.store.records import NOON

T = TypeVar("T")

# What a type does not say: values that the field may hold.
_VALUES: Mapping[str, Any] = {
    "Plan.currency": "EUR",
    "Tenant.timezone": "Europe/Berlin",
    "Tenant.limits": {"max_calls": 3, "max_trunk_legs": None},
    "AuditRecord.before": {"name": "a"},
    "AuditRecord.after": {"name": "b"},
}


def differing(record: type[T]) -> T:
    """Return such a record; no two of its numbers, texts and instants are the same."""
    return _record(record, count(2))


def _record(record: type[T], numbers: Iterator[int]) -> T:
    defaults = {field.name: _default(field) for field in fields(record)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, kind in types_of(record).items():
        fixed = _VALUES.get(f"{record.__name__}.{name}")
        value = _value(kind, defaults[name], numbers) if fixed is None else fixed
        assert value != defaults[name], name
        values[name] = value
    return record(**values)


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _value(kind: Any, default: Any, numbers: Iterator[int]) -> Any:
    """Return a value of a type other than the default."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return _value(next(one for one in inner if one is not type(None)), default, numbers)
    if origin is None:
        return _plain(kind, default, numbers)
    if issubclass(origin, Mapping):
        key, value = inner
        return {_value(key, MISSING, numbers): _value(value, MISSING, numbers)}
    among = () if default is MISSING else default
    made: Collection[Any] = [_other(inner[0], among, numbers)]
    return tuple(made) if issubclass(origin, tuple) else frozenset(made)


def _other(kind: Any, among: Any, numbers: Iterator[int]) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(one for one in kind if one not in among)
    return _value(kind, MISSING, numbers)


def _plain(kind: Any, default: Any, numbers: Iterator[int]) -> Any:
    if kind is GatewayName:
        return STRIPE
    if isinstance(kind, NewType):
        return _value(kind.__supertype__, default, numbers)
    if isinstance(kind, type) and is_dataclass(kind):
        return _record(kind, numbers)
    if issubclass(kind, Enum):
        return next(one for one in reversed(kind) if one is not default)
    if kind is bool:
        return default is not True
    number = next(numbers)
    day = NOON + timedelta(days=number)
    return {int: number, str: str(number), datetime: day, date: day.date()}[kind]

"""One value of a class, from the types of its fields: a new class needs no sample by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pbxbilling.calls.live.channel import ChannelKey

T = TypeVar("T")

AT = datetime(2026, 11, 21, 10, 42, 0, 250_000, tzinfo=UTC)
CALLED, CALLER = "+4915112345678", "+15550100123"

# Fields whose values have a form, or are looked for by tests. Any other text is its field's name.
NAMED: Mapping[str, str] = {
    "call": "c1",
    "caller": CALLER,
    "currency": "EUR",
    "linkedid": "1795222182.0",
    "month": "2026-11",
    "number": CALLED,
    "pbx": "pbx1",
    "tenant": "acme",
    "uniqueid": "1795222182.1",
}
PLAIN: Mapping[type, Any] = {bool: True, int: 1, float: 1.5, datetime: AT}


def sample(kind: type[T], **given: Any) -> T:
    """Return a dataclass or NamedTuple with all its fields set, those of `given` to that value.

    Raises TypeError for a field of a type that no value is known of: extend `_value`, or write the
    sample by hand where the type alone cannot give a valid one.
    """
    types = {name: hint for name, hint in get_type_hints(kind).items() if name != "__slots__"}
    return kind(**{name: _value(hint, name) for name, hint in types.items()} | given)


def another(value: Any) -> Any:
    """Return a different value of the same type."""
    if isinstance(value, Enum):
        return next(one for one in type(value) if one is not value)
    if isinstance(value, datetime):
        return value + timedelta(seconds=1)
    if isinstance(value, ChannelKey):
        return value._replace(uniqueid=another(value.uniqueid))
    return not value if isinstance(value, bool) else value + type(value)("1")


def _value(hint: Any, name: str) -> Any:
    if hint is str:
        return NAMED.get(name, name)
    if hint in PLAIN:
        return PLAIN[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return _value(next(one for one in inner if one is not NoneType), name)
    if origin is tuple and inner[1:] == (...,):
        return (_value(inner[0], name),)
    if origin is not None and issubclass(origin, Mapping):
        return {_value(inner[0], name): _value(inner[1], name)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        return sample(hint)
    msg = f"field {name}: no sample of {hint}"
    raise TypeError(msg)

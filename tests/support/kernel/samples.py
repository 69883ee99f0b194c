"""One value of a class, from the types of its fields: a new class needs no sample by hand."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pbxbilling.calls.live.channel import ChannelKey
from tests.support.house.build import ROOT

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
    return kind(**{name: _value(hint, name) for name, hint in types_of(kind).items()} | given)


def another(value: Any) -> Any:
    """Return a different value of the same type."""
    if isinstance(value, Enum):
        return next(one for one in type(value) if one is not value)
    if isinstance(value, datetime):
        return value + timedelta(seconds=1)
    if isinstance(value, ChannelKey):
        return value._replace(uniqueid=another(value.uniqueid))
    return not value if isinstance(value, bool) else value + type(value)("1")


def types_of(kind: type) -> dict[str, Any]:
    """Return the types of all fields, read from the source: compiled classes do not have them."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("pbxbilling."):
            names = vars(sys.modules[base.__module__])
            for field in _annotated(base.__module__)[base.__qualname__]:
                hint = ast.unparse(field.annotation)
                found[ast.unparse(field.target)] = eval(hint, names)
    return found


@cache
def _annotated(module: str) -> dict[str, list[ast.AnnAssign]]:
    """Return the annotated fields of each class of a module."""
    source = (ROOT / "src" / module.replace(".", "/")).with_suffix(".py").read_text()
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {
        one.name: [field for field in one.body if isinstance(field, ast.AnnAssign)]
        for one in classes
    }


def _value(hint: Any, name: str) -> Any:
    if hint is str:
        return NAMED.get(name, name)
    if hint is Any:
        return name
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

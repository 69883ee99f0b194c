"""Results of services as JSON, under the keys that programs rely on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, get_args

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class At:
    """The attribute that a schema's field shows, dotted where nested, if its name is another."""

    path: str


class _Shown(NamedTuple):
    """A field of a schema: its name in JSON, and how its value is read and written."""

    name: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


def shaped(schema: type[BaseModel], value: Any) -> dict[str, Any]:
    """Return the fields of a schema, in its order, each from the attribute of a result."""
    return {shown.name: shown.write(shown.read(value)) for shown in _shown(schema)}


@cache
def _shown(schema: type[BaseModel]) -> tuple[_Shown, ...]:
    return tuple(
        _Shown(field.alias or name, attrgetter(_path(name, field)), _written(field.annotation))
        for name, field in schema.model_fields.items()
    )


def _path(name: str, field: FieldInfo) -> str:
    return next((one.path for one in field.metadata if isinstance(one, At)), name)


def _written(annotation: Any) -> Callable[[Any], Any]:
    """Return how a value is written: by the schema in its annotation, else as `plain` does."""
    for inner in (annotation, *get_args(annotation)):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return lambda value: _by(inner, value)
    return plain


def _by(schema: type[BaseModel], value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [shaped(schema, one) for one in value]
    return None if value is None else shaped(schema, value)


def plain(value: Any) -> Any:
    """Convert dataclasses, decimals and sets to JSON types; decimals become strings."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if hasattr(value, "_asdict") or isinstance(value, Decimal):
        return str(value)  # the key of a channel is printed as the leg id
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return value


def encoded(value: Any) -> bytes:
    """Encode a value, in any case: what is committed must be answered as done."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, a lone surrogate
        return json.dumps(value, default=str).encode()

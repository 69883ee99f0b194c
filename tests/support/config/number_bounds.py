"""Every number in outside input, with its bounds, found by walking the models themselves.

A number without bounds, or text parsed in a way unknown to this module, raises an error that
says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from pbxbilling.config import accounts_file, quantities, sections
from pbxbilling.config import value_types as forms
from pbxbilling.kernel import bounds, money, numbers, text

Validator = Callable[..., Any]

# Text that is or contains a number: JSON of the lowest, the highest, and the next beyond.
TEXTS: Mapping[Validator | str, tuple[str, str, tuple[str, ...]]] = {
    quantities.read_amount: ('"0"', '"999999999999.99"', ('"-1"', '"1000000000000"')),
    quantities.read_rate: ('"0"', '"10000000"', ('"-1"', '"1000000000000"')),
    quantities.read_plan_rate: ('"0"', '"10000000"', ('"-1"', '"10000000.000001"')),
    quantities.read_percentage: ('"0"', '"100"', ('"-1"', '"100.01"')),
    quantities.read_increment: (
        '"0/1"',
        '"86400/86400"',
        ('"-1/1"', '"0/0"', '"86401/1"', '"60/86401"', '"1/1/1"', '"\u0663/1"', f'"{10**30}/1"'),
    ),
    bounds.check_day: ('"1970-01-01"', '"2199-12-31"', ('"1969-12-31"', '"2200-01-01"')),
    "listen": ('"127.0.0.1:0"', '"127.0.0.1:65535"', ('"127.0.0.1:-1"', '"127.0.0.1:65536"')),
    "MqttSettings.url": ('"mqtt://h:0"', '"mqtt://h:65535"', ('"mqtt://h:-1"', '"mqtt://h:65536"')),
}
NO_NUMBERS: frozenset[Validator | str] = frozenset(
    {
        accounts_file._item,
        accounts_file._one_rate_a_day,
        accounts_file._rates_in_currency,
        accounts_file._unit_prices_in_currency,
        forms.check_api_base,
        forms.check_hook_token,
        forms.check_page,
        forms.check_public_url,
        forms.check_plain,
        forms.check_token,
        forms.check_zone,
        money.check_currency,
        numbers.check_number,
        text.check_lines,
        text.check_name,
        "DatabaseSettings.url",
    }
)
# Values that are wrong for every number, whatever its bounds.
NEVER = ("true", "Infinity", "-Infinity", "NaN", "1e400", "-1e400", str(10**400), f'"{10**400}"')
_PLAIN = (str, bool, Path, SecretStr, time, IPv4Network, IPv6Network)


@dataclass(frozen=True, slots=True)
class Number:
    """A number at `model.field`: JSON of the lowest and highest accepted, and of bad values."""

    model: type[BaseModel]
    field: str
    lowest: str
    highest: str
    beyond: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.model.__name__}.{self.field}"


class UnboundedError(AssertionError):
    """A number without bounds, or of a kind unknown to this module."""


def numbers_of(model: type[BaseModel], seen: set[type] | None = None) -> Iterator[Number]:
    """Yield every number in a model and in those nested in it, each model once."""
    seen = set() if seen is None else seen
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        for kind, constraints in _leaves(field.annotation, tuple(field.metadata)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from numbers_of(kind, seen)
            elif (found := _number(model, name, kind, constraints)) is not None:
                yield found


def _leaves(annotation: Any, constraints: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield the possible types, each with its constraints."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _leaves(inside[0], (*constraints, *_flat(inside[1:])))
    elif origin in (Union, UnionType):
        for one in inside:
            yield from _leaves(one, constraints)
    elif origin is Literal:
        return
    elif inside:  # a constraint of a list or a map does not bound its items
        for validator in constraints:
            if isinstance(validator, AfterValidator):
                yield origin, (validator,)
        for one in inside:
            yield from _leaves(one, ())
    else:
        yield annotation, constraints


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for one in metadata:
        if isinstance(one, FieldInfo):
            yield from one.metadata
        else:
            yield one


def _number(
    model: type[BaseModel], name: str, kind: Any, constraints: tuple[Any, ...]
) -> Number | None:
    validators = [one.func for one in constraints if isinstance(one, AfterValidator)]
    texts = [_text_of(model, name, one) for one in validators]
    if found := [one for one in texts if one is not None]:
        return Number(model, name, *found[0])
    if kind in (int, float):
        return Number(model, name, *_bounds(f"{model.__name__}.{name}", kind, constraints))
    known = kind in _PLAIN or kind in (NoneType, Ellipsis, tuple) or get_origin(kind) or validators
    if not known and not (isinstance(kind, type) and issubclass(kind, Enum)):
        raise UnboundedError(f"{model.__name__}.{name}: {kind} is not known here")
    if kind is date:
        raise UnboundedError(f"{model.__name__}.{name}: a day needs `Day`")
    return None


def _text_of(
    model: type[BaseModel], name: str, validator: Any
) -> tuple[str, str, tuple[str, ...]] | None:
    """Return the bounds of the number in a text; None where it is known to have none."""
    for key in (validator, f"{model.__name__}.{name}", name):
        if key in TEXTS:
            return TEXTS[key]
        if key in NO_NUMBERS:
            return None
    raise UnboundedError(f"{model.__name__}.{name}: {validator} is not known here")


def _bounds(
    what: str, kind: type, constraints: tuple[Any, ...]
) -> tuple[str, str, tuple[str, ...]]:
    least = [_limit(one, Ge, Gt) for one in constraints if isinstance(one, Ge | Gt)]
    most = [_limit(one, Le, Lt) for one in constraints if isinstance(one, Le | Lt)]
    if len(least) != 1 or len(most) != 1:
        raise UnboundedError(f"{what}: expected one lower and one upper bound")
    (low, takes_low), (high, takes_high) = least[0], most[0]
    step = _int_step if kind is int else math.nextafter
    lowest = low if takes_low else step(low, math.inf)
    highest = high if takes_high else step(high, -math.inf)
    beyond = (step(lowest, -math.inf), step(highest, math.inf))
    return (repr(lowest), repr(highest), tuple(map(repr, beyond)))


T = TypeVar("T")


def _limit(one: Any, taken: type[Ge | Le], _not: type[Gt | Lt]) -> tuple[Any, bool]:
    (value,) = (getattr(one, name) for name in ("ge", "gt", "le", "lt") if hasattr(one, name))
    return value, isinstance(one, taken)


def _int_step(number: float, towards: float) -> float:
    return int(number) + (1 if towards > number else -1)


# The other fields a model needs before one of its numbers can be tried.
NEEDED: Mapping[str, str] = {
    "PbxSettings": '"name": "p", "host": "h", "username": "u", "secret": "s", "trunks": ["P/c"]',
    "DestinationTable": '"prefix": "1", "per_minute": "1"',
    "UnitPriceTable": '"price": "1"',
    "TenantRow": '"tenant": "acme"',
    "UsageBody": '"tenant": "acme", "meter": "words", "reference": "1", "units": 1',
}

# Maps of names to numbers, with a name that is taken.
MAPS: Mapping[str, str] = {"PbxSettings.trunk_channels": "P/c"}


def tried(number: Number, value: str) -> str:
    """Return JSON with that number and the required fields; of two equal keys the last wins."""
    needed = NEEDED.get(number.model.__name__, "")
    if key := MAPS.get(str(number)):
        value = f'{{"{key}": {value}}}'
    return f'{{{needed}{", " if needed else ""}"{number.field}": {value}}}'


def models() -> tuple[type[BaseModel], ...]:
    """Return the configuration, the accounts file, a row of the CSV file, usage over HTTP."""
    from pbxbilling.config.settings import Settings
    from pbxbilling.config.tenants_csv import TenantRow
    from pbxbilling.web.usage import UsageBody

    assert sections.Section in Settings.__mro__
    return (Settings, accounts_file.AccountsDocument, TenantRow, UsageBody)


def every_number() -> list[Number]:
    """Return all of them."""
    return [number for model in models() for number in numbers_of(model)]

"""The columns of each kind of value of plans and tenants, and how they hold it.

Rows are read as one JSON array each (see `rows/accounts.py`): a JSON column is text in it, and a
boolean a number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from functools import lru_cache
from sys import intern
from types import MappingProxyType
from typing import Any

from orjson import loads
from sqlalchemy import BigInteger, Boolean, Column, Integer

from pbxbilling.accounts import kinds
from pbxbilling.accounts.fields import FIELDS
from pbxbilling.accounts.kinds import Kind
from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import (
    NO_PRICES,
    BillingIncrement,
    Cycle,
    Limits,
    Overage,
    Plan,
    Prices,
)
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.kernel.codes import LegDirection, Mode
from pbxbilling.kernel.gateway_names import PRICE_TABLES, GatewayName
from pbxbilling.store.rows.array_rows import Mapped, Spread
from pbxbilling.store.rows.values import Values, from_us, instant, to_us
from pbxbilling.store.schema.base import Object, Text


@dataclass(frozen=True, slots=True)
class Stored:
    """The column of a field, which has its name, and the conversion both ways; see `Mapped`."""

    column: Any  # the column's type
    write: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = None
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class StoredApart:
    """The columns of a field (name, type, nullable), and the conversion; see `Spread`."""

    columns: tuple[tuple[str, Any, bool], ...]
    write: Callable[[Any], Iterable[Any]]
    read: Callable[..., Any]


def columns_of(record: type[Plan | Tenant]) -> Iterator[Column[Any]]:
    """Yield new columns for a table of plans or tenants, in the order of the record's fields."""
    order = [field.name for field in fields(record)]
    for field in sorted(FIELDS[record], key=lambda field: order.index(field.name)):
        stored = STORED[field.kind]
        if isinstance(stored, StoredApart):
            yield from (Column(name, of, nullable=null) for name, of, null in stored.columns)
        else:
            is_key = field.kind is kinds.SLUG
            yield Column(field.name, stored.column, primary_key=is_key, nullable=stored.nullable)


def mapped(record: type[Plan | Tenant]) -> Iterator[Mapped | Spread]:
    """Yield the mapping of each field of a plan or tenant."""
    for field in FIELDS[record]:
        stored = STORED[field.kind]
        if isinstance(stored, StoredApart):
            names = tuple(name for name, *_ in stored.columns)
            yield Spread(field.name, names, stored.write, stored.read)
        else:
            yield Mapped(field.name, stored.write, stored.read)


def _sorted(words: Iterable[str]) -> list[str]:
    return sorted(str(word) for word in words)


def _items(text: str) -> tuple[str, ...]:
    return () if text == "[]" else tuple(loads(text))


def _read_limits(text: str) -> Limits:
    """Read limits, which an earlier release took of any size: orjson makes floats of such ones."""
    return Limits(**json.loads(text))


def _write_destination(rate: DestinationRate) -> Values:
    return asdict(rate) | {"since": rate.since.isoformat()}


def _read_destination(values: Values) -> DestinationRate:
    return DestinationRate(**values | {"since": date.fromisoformat(values["since"])})


def _write_gateway_prices(prices: Mapping[GatewayName, Prices]) -> list[Values]:
    return [asdict(prices.get(gateway, NO_PRICES)) for gateway in PRICE_TABLES]


def _read_gateway_prices(*ids: str) -> dict[GatewayName, Prices]:
    prices = {
        gateway: Prices(**loads(text)) for gateway, text in zip(PRICE_TABLES, ids, strict=True)
    }
    return {gateway: some for gateway, some in prices.items() if some != NO_PRICES}


def _write_collection(collection: UsageCollection) -> tuple[str, str, int | None]:
    return collection.way.value, collection.before.value, to_us(collection.since)


@lru_cache(maxsize=1024)
def _read_collection(way: str, before: str, since_us: int | None) -> UsageCollection:
    return UsageCollection(CollectionMethod(way), CollectionMethod(before), from_us(since_us))


# Values that many tenants share are stored in memory once.
@lru_cache(maxsize=1024)
def _read_blocks(text: str) -> frozenset[Blocker]:
    return frozenset(map(Blocker, loads(text)))


@lru_cache(maxsize=1024)
def _read_overrides(text: str) -> Mapping[str, int | None]:
    return MappingProxyType(loads(text))


_STATUSES: Mapping[str, Status] = {status.value: status for status in Status}

STORED: Mapping[Kind[Any], Stored | StoredApart] = {
    kinds.SLUG: Stored(Text),
    kinds.TEXT: Stored(Text),
    kinds.LINES: Stored(Text),
    kinds.FLAG: Stored(Boolean, None, bool),
    kinds.COUNT: Stored(Integer),
    kinds.PLACE: Stored(Integer),
    kinds.LIMIT: Stored(BigInteger, nullable=True),
    kinds.LIMITS: Stored(Object, asdict, _read_limits),
    kinds.NAMES: Stored(Object, _sorted, lambda text: frozenset(loads(text))),
    kinds.DIRECTIONS: Stored(
        Object, _sorted, lambda text: frozenset(map(LegDirection, loads(text)))
    ),
    kinds.OVERAGE: Stored(Text, str, Overage),
    kinds.CURRENCY: Stored(Text),
    kinds.AMOUNT: Stored(BigInteger),
    kinds.PRICES: Stored(
        Object,
        lambda prices: {cycle.value: price for cycle, price in prices.items()},
        lambda text: {Cycle(cycle): price for cycle, price in loads(text).items()},
    ),
    kinds.RATE: Stored(BigInteger),
    kinds.PERCENTAGE: Stored(Integer),
    kinds.INCREMENT: Stored(Text, str, BillingIncrement.parse),
    kinds.DESTINATIONS: Stored(
        Object,
        lambda rates: list(map(_write_destination, rates)),
        lambda text: tuple(map(_read_destination, loads(text))),
    ),
    kinds.UNIT_PRICES: Stored(
        Object,
        lambda prices: list(map(asdict, prices)),
        lambda text: tuple(UnitPrice(**price) for price in loads(text)),
    ),
    kinds.GATEWAY_PRICES: StoredApart(
        tuple((key, Object, False) for key in PRICE_TABLES.values()),
        _write_gateway_prices,
        _read_gateway_prices,
    ),
    kinds.PLAN_OF_TENANT: Stored(Text, None, intern),
    kinds.ITEMS: Stored(Object, list, _items),
    kinds.NUMBERS: Stored(Object, list, _items),
    kinds.STATUS: Stored(Text, str, _STATUSES.__getitem__),
    kinds.BLOCKS: Stored(Object, _sorted, _read_blocks),
    kinds.MODE: Stored(Text, str, Mode, nullable=True),
    kinds.OVERRIDES: Stored(Object, dict, _read_overrides),
    kinds.ZONE: Stored(Text, None, intern),
    kinds.DAY_OF_MONTH: Stored(Integer),
    kinds.INSTANT: Stored(BigInteger, to_us, instant, nullable=True),
    kinds.GATEWAY_ID: Stored(Text, nullable=True),
    kinds.COLLECTION: StoredApart(
        (
            ("charges", Text, False),
            ("charges_before", Text, False),
            ("charges_since", BigInteger, True),
        ),
        _write_collection,
        _read_collection,
    ),
}

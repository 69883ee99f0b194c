"""The kinds of values of plans and tenants, each as the accounts file spells it.

A kind converts both ways: `write` returns what JSON and TOML hold, `read` takes the same. What the
configuration accepts for a kind is in `config/accounts_file.py`, its columns are in
`store/schema/kinds.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import (
    LIMIT_NAMES,
    NO_PRICES,
    BillingIncrement,
    Cycle,
    Limits,
    Overage,
    Prices,
)
from pbxbilling.catalog.rates import UnitPrice
from pbxbilling.kernel.codes import LegDirection, Mode
from pbxbilling.kernel.gateway_names import PRICE_TABLES, GatewayName
from pbxbilling.kernel.money import (
    from_basis_points,
    from_micros,
    from_minor,
    to_basis_points,
    to_micros,
    to_minor,
)

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

Written = Mapping[str, Any]


def _same(value: Any, _currency: str) -> Any:
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[T]):
    """How the accounts file spells the values of a field.

    Both functions get the plan's currency, which amounts depend on; "" for a tenant. With `keys`
    the field has these keys in the file: `write` returns the value of each, `read` takes the values
    of those that the file states.
    """

    write: Callable[[T, str], Any] = _same
    read: Callable[[Any, str], T] = _same
    keys: tuple[str, ...] | None = None


def _word(words: type[E]) -> Kind[E]:
    return Kind(lambda word, _: word.value, lambda written, _: words(written))


def _write_limit(limit: int | None, _currency: str) -> int:
    return -1 if limit is None else limit


def _read_limit(written: int, _currency: str) -> int | None:
    return None if written == -1 else written


def _read_limits(written: Written, currency: str) -> dict[str, int | None]:
    return {name: _read_limit(limit, currency) for name, limit in written.items()}


def _write_overrides(limits: Mapping[str, int | None], currency: str) -> Written:
    """Write a tenant's own limits; None: it has the plan's."""
    if not limits:
        return _NO_OVERRIDES
    return _NO_OVERRIDES | {name: _write_limit(limit, currency) for name, limit in limits.items()}


_NO_OVERRIDES: dict[str, int | None] = dict.fromkeys(LIMIT_NAMES)


def _write_prices(prices: Mapping[Cycle, int], currency: str) -> Written:
    return {
        key: from_minor(prices[cycle], currency) if cycle in prices else None
        for cycle, key in _PRICE_KEYS.items()
    }


def _read_prices(written: Written, currency: str) -> dict[Cycle, int]:
    return {
        cycle: to_minor(written[key], currency)
        for cycle, key in _PRICE_KEYS.items()
        if key in written
    }


# The file's key for the price of each cycle.
_PRICE_KEYS: Mapping[Cycle, str] = {
    Cycle.MONTH: "price",
    Cycle.QUARTER: "price_quarter",
    Cycle.HALF_YEAR: "price_half_year",
    Cycle.YEAR: "price_year",
}


def _write_destination(rate: DestinationRate) -> Written:
    since = {} if rate.since == date.min else {"since": rate.since.isoformat()}
    return {
        "prefix": rate.prefix,
        "per_minute": from_micros(rate.per_minute_micros),
        "name": rate.name,
        **since,
        "in_allowance": rate.in_allowance,
    }


def _read_destination(written: Written) -> DestinationRate:
    values = dict(written)
    values["per_minute_micros"] = to_micros(values.pop("per_minute"))
    if "since" in values:
        values["since"] = date.fromisoformat(values["since"])
    return DestinationRate(**values)


def _write_unit_prices(prices: Sequence[UnitPrice], _currency: str) -> dict[str, Written]:
    return {
        one.meter: {"per": one.per, "price": from_micros(one.price_micros), "name": one.name}
        for one in prices
    }


def _read_unit_prices(written: Mapping[str, Written], _currency: str) -> tuple[UnitPrice, ...]:
    return tuple(_read_unit_price(meter, dict(one)) for meter, one in sorted(written.items()))


def _read_unit_price(meter: str, values: dict[str, Any]) -> UnitPrice:
    return UnitPrice(meter, to_micros(values.pop("price")), **values)


def _write_gateway_prices(prices: Mapping[GatewayName, Prices], _currency: str) -> Written:
    ids = {key: asdict(prices.get(gateway, NO_PRICES)) for gateway, key in PRICE_TABLES.items()}
    return {key: {name: one for name, one in named.items() if one} for key, named in ids.items()}


def _read_gateway_prices(written: Written, _currency: str) -> dict[GatewayName, Prices]:
    return {
        gateway: Prices(**written[key])
        for gateway, key in PRICE_TABLES.items()
        if any(written.get(key, {}).values())
    }


def _write_collection(collection: UsageCollection, _currency: str) -> Written:
    since = collection.since
    return {
        "charges": collection.way.value,
        "charges_since": since.isoformat() if since else None,  # no key of the file sets it
    }


def _read_collection(written: Written, _currency: str) -> UsageCollection:
    return UsageCollection(CollectionMethod(written["charges"]))


SLUG: Kind[str] = Kind(lambda _slug, _: {}, keys=())  # the name of the table, no key in it
TEXT: Kind[str] = Kind()
LINES: Kind[str] = Kind()  # text of several lines
FLAG: Kind[bool] = Kind()
COUNT: Kind[int] = Kind()
PLACE: Kind[int] = Kind()  # in a list; may be negative
LIMIT: Kind[int | None] = Kind(_write_limit, _read_limit)  # None is unlimited
LIMITS: Kind[Limits] = Kind(
    lambda limits, _: asdict(limits),
    lambda written, currency: Limits(**_read_limits(written, currency)),
    keys=LIMIT_NAMES,
)
NAMES: Kind[frozenset[str]] = Kind(
    lambda names, _: sorted(names), lambda written, _: frozenset(written)
)
DIRECTIONS: Kind[frozenset[LegDirection]] = Kind(
    lambda directions, _: sorted(directions),
    lambda written, _: frozenset(map(LegDirection, written)),
)
OVERAGE = _word(Overage)
CURRENCY: Kind[str] = Kind()
AMOUNT: Kind[int] = Kind(from_minor, to_minor)
PRICES: Kind[Mapping[Cycle, int]] = Kind(
    _write_prices, _read_prices, keys=tuple(_PRICE_KEYS.values())
)
RATE: Kind[int] = Kind(lambda micros, _: from_micros(micros), lambda written, _: to_micros(written))
PERCENTAGE: Kind[int] = Kind(
    lambda points, _: from_basis_points(points), lambda written, _: to_basis_points(written)
)
INCREMENT: Kind[BillingIncrement] = Kind(
    lambda increment, _: str(increment), lambda written, _: BillingIncrement.parse(written)
)
DESTINATIONS: Kind[tuple[DestinationRate, ...]] = Kind(
    lambda rates, _: list(map(_write_destination, rates)),
    lambda written, _: tuple(map(_read_destination, written)),
)
UNIT_PRICES: Kind[tuple[UnitPrice, ...]] = Kind(_write_unit_prices, _read_unit_prices)
GATEWAY_PRICES: Kind[Mapping[GatewayName, Prices]] = Kind(
    _write_gateway_prices, _read_gateway_prices, keys=tuple(PRICE_TABLES.values())
)

PLAN_OF_TENANT: Kind[str] = Kind()  # the slug of a plan
ITEMS: Kind[tuple[str, ...]] = Kind(lambda items, _: list(items), lambda written, _: tuple(written))
NUMBERS: Kind[tuple[str, ...]] = Kind(
    lambda numbers, _: list(numbers), lambda written, _: tuple(written)
)
STATUS = _word(Status)
BLOCKS: Kind[frozenset[Blocker]] = Kind(
    lambda blocks, _: sorted(blocks), lambda written, _: frozenset(map(Blocker, written))
)
MODE = _word(Mode)
OVERRIDES: Kind[Mapping[str, int | None]] = Kind(_write_overrides, _read_limits, keys=LIMIT_NAMES)
ZONE: Kind[str] = Kind()  # a time zone's name
DAY_OF_MONTH: Kind[int] = Kind()
INSTANT: Kind[datetime] = Kind(
    lambda at, _: at.isoformat(), lambda written, _: datetime.fromisoformat(written)
)
GATEWAY_ID: Kind[str] = Kind()  # of a customer or a subscription
COLLECTION: Kind[UsageCollection] = Kind(_write_collection, _read_collection, keys=("charges",))

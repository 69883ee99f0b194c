"""Charge usage other than calls: units of a meter that a plan names, such as words or messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pbxbilling.catalog.rates import Charge, UnitPrice
from pbxbilling.kernel.records import Record


@dataclass(frozen=True, slots=True)
class UnitsUsed(Record):
    """Units that another program counted, keyed by its own `reference`; saved once."""

    reference: str
    tenant: str
    meter: str
    units: int
    at: datetime

    def says_the_same(self, other: UnitsUsed) -> bool:
        """Return whether `other` repeats this report; the time of arrival does not matter."""
        mine = (self.reference, self.tenant, self.meter, self.units)
        return mine == (other.reference, other.tenant, other.meter, other.units)


def unit_charges(
    used: Mapping[str, int], prices: tuple[UnitPrice, ...], currency: str, *, free: bool
) -> Iterator[Charge]:
    """Yield the charge for each meter, by name; a meter without a price any more is free."""
    known = {price.meter: price for price in prices}
    for meter, units in sorted(used.items()):
        price = known.get(meter, UnitPrice(meter, 0))
        if free:
            price = UnitPrice(meter, 0, price.per, price.name)
        yield price.rate.charge(units, currency)

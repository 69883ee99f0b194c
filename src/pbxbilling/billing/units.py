"""Usage that is no call: units of a meter that a plan names, such as words or messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pbxbilling.catalog.rates import Charge, UnitPrice
from pbxbilling.kernel.records import Record


@dataclass(frozen=True, slots=True)
class UnitsUsed(Record):
    """Units that another program counted, keyed by its own `reference`; appended once."""

    reference: str
    tenant: str
    meter: str
    units: int
    at: datetime

    def says_the_same(self, other: UnitsUsed) -> bool:
        """Whether it is the same usage told again: when it was told makes no difference."""
        mine = (self.reference, self.tenant, self.meter, self.units)
        return mine == (other.reference, other.tenant, other.meter, other.units)


def unit_charges(
    used: Mapping[str, int], prices: tuple[UnitPrice, ...], currency: str, *, free: bool
) -> Iterator[Charge]:
    """The charge for each meter, by name; one that has no price any more is there, and free."""
    known = {price.meter: price for price in prices}
    for meter, units in sorted(used.items()):
        price = known.get(meter, UnitPrice(meter, 0))
        if free:
            price = UnitPrice(meter, 0, price.per, price.name)
        yield price.rate.charge(units, currency)

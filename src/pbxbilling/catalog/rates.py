"""Rates and charges: what one line of a statement costs, as a quantity at a rate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pbxbilling.kernel.money import priced


class ChargeKind(StrEnum):
    """What is charged by quantity; a statement lists its lines in this order."""

    OVERAGE = "overage"  # seconds beyond the allowance
    DESTINATION = "destination"  # seconds to a destination with a rate of its own
    CALLS = "calls"  # answered legs, at a price for each
    UNITS = "units"  # units of a named meter


@dataclass(frozen=True, slots=True)
class Charge:
    """A `quantity` of `unit` at `rate_micros` for every `per` of them; `amount` in minor units.

    `key` identifies it among the charges of its statement, and never changes.
    """

    key: str
    kind: ChargeKind
    text: str
    unit: str
    quantity: int
    per: int
    rate_micros: int
    amount: int


@dataclass(frozen=True, slots=True)
class Rate:
    """A price for every `per` of a unit; `of` distinguishes it from other rates of its kind.

    Words at 0.02 a thousand: `Rate(ChargeKind.UNITS, "Words", 20_000, "word", 1000, of="words")`.
    """

    kind: ChargeKind
    text: str
    micros: int
    unit: str
    per: int = 1
    of: str = ""

    @property
    def key(self) -> str:
        """Return the key of its charge: two rates of the same thing make two lines."""
        return ":".join(part for part in (self.kind.value, self.of, str(self.micros)) if part)

    def charge(self, quantity: int, currency: str) -> Charge:
        """Return the charge for a quantity, rounded once, half up."""
        return Charge(
            key=self.key,
            kind=self.kind,
            text=self.text,
            unit=self.unit,
            quantity=quantity,
            per=self.per,
            rate_micros=self.micros,
            amount=priced(quantity, self.micros, self.per, currency),
        )


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of every `per` units of `meter`, in millionths of the currency's major unit."""

    meter: str
    price_micros: int
    per: int = 1
    name: str = ""

    @property
    def rate(self) -> Rate:
        """Return the rate by which a line of a statement charges it."""
        text = self.name or self.meter.capitalize()
        return Rate(ChargeKind.UNITS, text, self.price_micros, self.meter, self.per, of=self.meter)

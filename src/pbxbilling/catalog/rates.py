"""A quantity of something used, at a rate: what one line of a statement charges."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pbxbilling.kernel.money import priced


class ChargeKind(StrEnum):
    """What is charged by quantity; lines stand in this order."""

    OVERAGE = "overage"  # seconds beyond the allowance
    DESTINATION = "destination"  # seconds to a destination with a rate of its own
    CALLS = "calls"  # answered legs, a price each
    UNITS = "units"  # units of a named meter


@dataclass(frozen=True, slots=True)
class Charge:
    """`quantity` of `unit` at `rate_micros` for every `per` of them: `amount` in minor units.

    `key` tells it from the others of the same statement, and names it for good.
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
    """A price for every `per` of a unit; `of` tells it from other rates of its kind.

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
        """The key of its charge: two rates of one thing are two lines."""
        return ":".join(part for part in (self.kind.value, self.of, str(self.micros)) if part)

    def charge(self, quantity: int, currency: str) -> Charge:
        """The charge for a quantity, rounded this once, half up."""
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
    """`price_micros` (millionths of the major unit) for every `per` units of `meter`."""

    meter: str
    price_micros: int
    per: int = 1
    name: str = ""

    @property
    def rate(self) -> Rate:
        """As a line of a statement charges it."""
        text = self.name or self.meter.capitalize()
        return Rate(ChargeKind.UNITS, text, self.price_micros, self.meter, self.per, of=self.meter)

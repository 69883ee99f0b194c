"""Rate the answered trunk legs of a period: turn them into charges by a tariff.

Seconds are summed first and priced once a line, so a statement equals what a graduated tier
charges for the sum of the same legs: https://docs.stripe.com/products-prices/pricing-models
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from pbxbilling.billing.rating.tariff import (
    Tariff,
    TariffVersions,
    check_tariff_versions,
    included_s,
    tariff_version_at,
)
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.catalog.destinations import DestinationRate, DestinationRates
from pbxbilling.catalog.rates import Charge, ChargeKind, Rate
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.period import zone


class LegEnd(NamedTuple):
    """A leg's place in the order in which legs are rated: by their ends, ties by their ids."""

    at: datetime
    leg: str


@dataclass(frozen=True, slots=True)
class UsedLeg:
    """An answered trunk leg that has ended, as rating needs it.

    `estimated` legs, and those that limits would have refused (`over_limit`), are charged as any;
    `emergency` legs are free unless the tariff charges them.
    """

    key: ChannelKey
    direction: LegDirection
    number: str
    ended_at: datetime
    talk_us: int
    estimated: bool = False
    over_limit: bool = False
    emergency: bool = False

    @property
    def id(self) -> str:
        """The id under which it is billed, `pbx:uniqueid`."""
        return str(self.key)

    @property
    def end(self) -> LegEnd:
        """Its place in the order in which legs are rated."""
        return LegEnd(self.ended_at, self.id)

    @classmethod
    def of(cls, record: LegRecord) -> UsedLeg:
        """Build it from a record. Raises ValueError for a leg that has not ended."""
        if record.ended_at is None:
            msg = f"leg {record.key} has not ended: only ended legs can be rated"
            raise ValueError(msg)
        return cls(
            key=record.key,
            direction=record.direction,
            number=record.number,
            ended_at=record.ended_at,
            talk_us=record.talk_us,
            estimated=record.witness is not None and record.witness.guessed,
            over_limit=record.over_limit,
            emergency=record.emergency,
        )


@dataclass(frozen=True, slots=True)
class RatedLeg:
    """A leg's part in the charges of its period.

    Of `billed_s` (after the increment), `included_s` were in the allowance and `charged_s` cost
    `rate_micros` a minute, on the line with key `line`. `fee_micros` is the price per call, on the
    line `fee_line`. A line "" means none.
    """

    leg: UsedLeg
    billed_s: int = 0
    included_s: int = 0
    charged_s: int = 0
    rate_micros: int = 0
    line: str = ""
    fee_micros: int = 0
    fee_line: str = ""

    def is_on(self, line: str) -> bool:
        """Return whether the line with this key charges the leg."""
        return line in (self.line, self.fee_line)


@dataclass(frozen=True, slots=True)
class Rating:
    """The charges of a period and the legs behind them, in order of their ends.

    `allowance_s` is what was included (None: unlimited), `used_s` what legs drew from it.
    """

    charges: tuple[Charge, ...]
    legs: tuple[RatedLeg, ...]
    allowance_s: int | None
    used_s: int


def rate(legs: Iterable[UsedLeg], tariff_versions: TariffVersions, *, drawn_s: int = 0) -> Rating:
    """Charge the legs of one period by the tariffs in force in it.

    `drawn_s` is what earlier legs of the period, which are not among these, drew on the allowance.
    A leg is charged by the tariff in force at its end. Legs draw on the allowance in order of
    their ends, ties by id; the leg that exhausts it has its first seconds included. A leg that no
    rule prices is free: a leg of a direction that the plan does not include, unless it goes to a
    destination that the plan names, which costs that rate and no price per call; an emergency leg,
    unless the tariff charges them; a leg of 0 s.
    Raises ValueError as `check_tariff_versions`, and for a leg that occurs twice.
    """
    check_tariff_versions(tariff_versions)
    allowance_s = included_s(tariff_versions)
    ordered = sorted(legs, key=lambda leg: leg.end)
    _refuse_twins(ordered)
    counter = _Counter(allowance_s, drawn_s)
    tables = {s.begins: DestinationRates.of(s.tariff) for s in tariff_versions}
    in_force = [tariff_version_at(tariff_versions, leg.ended_at) for leg in ordered]
    rated = [
        counter.rated(leg, version.tariff, tables[version.begins])
        for leg, version in zip(ordered, in_force, strict=True)
    ]
    currency = tariff_versions[0].tariff.currency
    return Rating(counter.charges(currency), tuple(rated), allowance_s, counter.used_s)


def _refuse_twins(legs: Iterable[UsedLeg]) -> None:
    for id_, twins in groupby(sorted(leg.id for leg in legs)):
        if len(list(twins)) > 1:
            msg = f"leg {id_} occurs twice: it would be charged twice"
            raise ValueError(msg)


class _Counter:
    """Rates legs in order of their ends; tracks the allowance used and the sums of the lines."""

    def __init__(self, allowance_s: int | None, used_s: int) -> None:
        self.used_s = used_s
        self._allowance_s = allowance_s
        self._rates: dict[str, Rate] = {}
        self._quantities: dict[str, int] = {}

    def rated(self, leg: UsedLeg, tariff: Tariff, table: DestinationRates) -> RatedLeg:
        """Rate a leg and add it to its lines."""
        if leg.emergency and not tariff.emergency_charged:
            return RatedLeg(leg)
        billed_s = tariff.billing_increment.billable_s(leg.talk_us)
        minutes = _minutes_of(leg, tariff, table)
        if minutes is None or not billed_s:
            return RatedLeg(leg, billed_s)
        in_s = self._draw(billed_s, tariff) if minutes.in_allowance else 0
        fee = _fee(leg, tariff)
        return RatedLeg(
            leg,
            billed_s,
            included_s=in_s,
            charged_s=billed_s - in_s,
            rate_micros=minutes.rate.micros,
            line=self._add(minutes.rate, billed_s - in_s),
            fee_micros=fee.micros,
            fee_line=self._add(fee, 1 if fee.micros else 0),
        )

    def _draw(self, billed_s: int, tariff: Tariff) -> int:
        """Draw a leg's seconds from the allowance and return how many are included."""
        if self._allowance_s is None:
            self.used_s += billed_s
            return billed_s
        if tariff.included_minutes is None:  # unlimited for a part of the period
            return billed_s
        drawn = min(billed_s, self._allowance_s - self.used_s)
        self.used_s += drawn
        return drawn

    def _add(self, rate: Rate, quantity: int) -> str:
        """Add a quantity to the line of its rate and return the line's key; "" if it is 0."""
        if not quantity:
            return ""
        self._rates.setdefault(rate.key, rate)
        self._quantities[rate.key] = self._quantities.get(rate.key, 0) + quantity
        return rate.key

    def charges(self, currency: str) -> tuple[Charge, ...]:
        """Return the lines so far, by kind, destination and rate."""
        kinds = list(ChargeKind)
        rates = sorted(self._rates.values(), key=lambda r: (kinds.index(r.kind), r.of, r.micros))
        return tuple(rate.charge(self._quantities[rate.key], currency) for rate in rates)


class _Minutes(NamedTuple):
    """The rate of a leg's minutes, and whether they draw on the allowance first."""

    rate: Rate
    in_allowance: bool


def _minutes_of(leg: UsedLeg, tariff: Tariff, table: DestinationRates) -> _Minutes | None:
    """Return how a leg's minutes are charged; None: they are free."""
    included = leg.direction in tariff.included_directions
    if leg.direction is LegDirection.OUTBOUND:
        day = leg.ended_at.astimezone(zone(tariff.timezone)).date()
        destination = table.rate(leg.number, day)
        if destination is not None:
            rate = _rate_to(destination, included=included)
            return _Minutes(rate, included and destination.in_allowance)
    if not included:
        return None
    text, micros = "Minutes beyond those included", tariff.overage_per_minute_micros
    return _Minutes(Rate(ChargeKind.OVERAGE, text, micros, "s", 60), in_allowance=True)


def _rate_to(destination: DestinationRate, *, included: bool) -> Rate:
    text, micros = f"Minutes to {destination}", destination.per_minute_micros
    if not included:  # why they cost anything, where other calls of their direction do not
        text += ", which the plan gives a rate of its own"
    return Rate(ChargeKind.DESTINATION, text, micros, "s", 60, of=destination.prefix)


def _fee(leg: UsedLeg, tariff: Tariff) -> Rate:
    """Return the price per call: it goes with the directions that the plan includes."""
    micros = tariff.price_per_call_micros if leg.direction in tariff.included_directions else 0
    return Rate(ChargeKind.CALLS, "Price per call", micros, "call")

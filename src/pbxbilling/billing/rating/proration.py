"""Proration: what a price is for a part of its cycle, by seconds, previewed as it is committed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pbxbilling.billing.rating.tariff import Stretch, Stretches, Tariff, check_stretches, switched
from pbxbilling.kernel.money import half_up


@dataclass(frozen=True, slots=True)
class PricePart:
    """A plan's price for one stretch; `whole` says that it is a full cycle's."""

    stretch: Stretch
    amount: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Proration:
    """A change of tariff within a cycle: the stretches that it makes, and what that costs.

    `credit` is what the time from the change on had cost and costs no more, `charge` what it costs
    now, both 0 or more in minor units. `replaced` is the stretch that it ends; `stretches` are kept
    when the change is committed.
    """

    at: datetime
    replaced: Stretch
    stretches: tuple[Stretch, ...]
    credit: int
    charge: int

    @property
    def difference(self) -> int:
        """What the change adds to the price of the cycle; below 0 it takes away."""
        return self.charge - self.credit


def price_parts(stretches: Stretches) -> tuple[PricePart, ...]:
    """The price of each stretch by its seconds, where together they are one whole cycle.

    Their sum is rounded once, half up; so equal prices add up to that price, however often they
    were cut. Raises ValueError as `check_stretches`, and for prices of different cycles.
    """
    check_stretches(stretches)
    if len({stretch.tariff.cycle for stretch in stretches}) > 1:
        plans = " and ".join(f"{s.tariff.plan} ({s.tariff.cycle})" for s in stretches)
        msg = f"{plans} are not of one cycle: change the cycle where one begins"
        raise ValueError(msg)
    return tuple(_parts(stretches))


def _parts(stretches: Stretches) -> Iterator[PricePart]:
    whole_us = sum(stretch.length_us for stretch in stretches)
    weighed = charged = 0
    for stretch in stretches:
        weighed += stretch.tariff.price * stretch.length_us
        amount = half_up(weighed, whole_us) - charged
        charged += amount
        yield PricePart(stretch, amount, whole=len(stretches) == 1)


def prorate(stretches: Stretches, tariff: Tariff, at: datetime) -> Proration:
    """What it is to have another tariff from `at` until the end of the cycle.

    The preview shows it, and the change keeps its `stretches`: there is no other arithmetic. At
    the first instant of the cycle the whole price is exchanged. Raises ValueError as `switched`,
    and for an instant before an earlier change.
    """
    replaced = stretches[-1]
    if at < replaced.begins:
        msg = (
            f"{at} is before {replaced.begins}, when {replaced.tariff.plan} began: what was is past"
        )
        raise ValueError(msg)
    changed = switched(stretches, tariff, at)
    before, after = _cost(stretches), _cost(changed)
    charge = price_parts(changed)[-1].amount
    return Proration(at, replaced, changed, credit=before - (after - charge), charge=charge)


def _cost(stretches: Stretches) -> int:
    return sum(part.amount for part in price_parts(stretches))

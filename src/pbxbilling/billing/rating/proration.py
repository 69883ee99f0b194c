"""Prorate prices over parts of a cycle, by time; a preview and its commit share the code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pbxbilling.billing.rating.tariff import (
    Tariff,
    TariffVersion,
    TariffVersions,
    check_tariff_versions,
    switched,
)
from pbxbilling.kernel.errors import ContradictionError
from pbxbilling.kernel.money import half_up


@dataclass(frozen=True, slots=True)
class PricePart:
    """A plan's price for one tariff version; `whole` says that this is a full cycle."""

    tariff_version: TariffVersion
    amount: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Proration:
    """A change of tariff within a cycle: the versions it results in, and its cost.

    `credit` is the old price of the time from the change on, `charge` the new one, both 0 or more
    in minor units. `replaced` is the version that the change ends; `tariff_versions` are saved
    when the change is committed.
    """

    at: datetime
    replaced: TariffVersion
    tariff_versions: tuple[TariffVersion, ...]
    credit: int
    charge: int

    @property
    def difference(self) -> int:
        """The amount that the change adds to the price of the cycle; below 0 it reduces it."""
        return self.charge - self.credit


def price_parts(tariff_versions: TariffVersions) -> tuple[PricePart, ...]:
    """Return the price of each version by its length, where together they are one whole cycle.

    Running sums are rounded, half up, so equal prices add up to that price however often the
    cycle is cut. Raises as `check_tariff_versions`, and ContradictionError for different cycles.
    """
    check_tariff_versions(tariff_versions)
    if len({tariff_version.tariff.cycle for tariff_version in tariff_versions}) > 1:
        plans = " and ".join(f"{s.tariff.plan} ({s.tariff.cycle})" for s in tariff_versions)
        msg = f"{plans} have different cycles: change the cycle at the beginning of one"
        raise ContradictionError(msg)
    return tuple(_parts(tariff_versions))


def _parts(tariff_versions: TariffVersions) -> Iterator[PricePart]:
    whole_us = sum(tariff_version.length_us for tariff_version in tariff_versions)
    weighed = charged = 0
    for tariff_version in tariff_versions:
        weighed += tariff_version.tariff.price * tariff_version.length_us
        amount = half_up(weighed, whole_us) - charged
        charged += amount
        yield PricePart(tariff_version, amount, whole=len(tariff_versions) == 1)


def prorate(tariff_versions: TariffVersions, tariff: Tariff, at: datetime) -> Proration:
    """Return the proration of another tariff from `at` until the end of the cycle.

    A preview shows it, and a commit saves its `tariff_versions`: there is no other arithmetic.
    At the first instant of the cycle the whole price is replaced. Raises as `switched`,
    and ContradictionError for an instant before an earlier change.
    """
    replaced = tariff_versions[-1]
    if at < replaced.begins:
        msg = (
            f"{at} is before {replaced.begins}, when plan {replaced.tariff.plan} began: choose a"
            " later moment"
        )
        raise ContradictionError(msg)
    changed = switched(tariff_versions, tariff, at)
    before, after = _cost(tariff_versions), _cost(changed)
    charge = price_parts(changed)[-1].amount
    return Proration(at, replaced, changed, credit=before - (after - charge), charge=charge)


def _cost(tariff_versions: TariffVersions) -> int:
    return sum(part.amount for part in price_parts(tariff_versions))

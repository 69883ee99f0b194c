"""Tariffs: frozen copies of plans that price statements, so old ones never follow new plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import BillingIncrement, Cycle, Plan
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.errors import ContradictionError
from pbxbilling.kernel.money import half_up

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Tariff:
    """A plan as one tenant is charged for it.

    Amounts are as in `Plan`; `price` is for one `cycle`. `included_minutes` None is unlimited.
    `tax_rate_bp` is 0 for an exempt tenant. Dates of `destinations` are in `timezone`. A `demo` is
    priced like any tenant and billed nothing. Emergency legs are free unless `emergency_charged`.
    """

    plan: str
    name: str
    currency: str
    cycle: Cycle
    price: int
    setup_fee: int
    included_minutes: int | None
    included_directions: frozenset[LegDirection]
    overage_per_minute_micros: int
    price_per_call_micros: int
    billing_increment: BillingIncrement
    tax_rate_bp: int
    destinations: tuple[DestinationRate, ...] = ()
    timezone: str = "UTC"
    demo: bool = False
    emergency_charged: bool = False

    @classmethod
    def of(
        cls,
        plan: Plan,
        tenant: Tenant,
        cycle: Cycle = Cycle.MONTH,
        *,
        emergency_charged: bool = False,
    ) -> Tariff:
        """Build the tariff of a plan for a tenant and a cycle.

        A plan without any price is free. Raises ContradictionError where the plan has prices
        but none for this cycle: an amount is never guessed.
        """
        if plan.prices and cycle not in plan.prices:
            msg = (
                f"plan {plan.slug} has no price per {cycle}: set one, or give tenant {tenant.slug}"
                " another plan"
            )
            raise ContradictionError(msg)
        return cls(
            plan=plan.slug,
            name=plan.name or plan.slug,
            currency=plan.currency,
            cycle=cycle,
            price=plan.prices.get(cycle, 0),
            setup_fee=plan.setup_fee,
            included_minutes=plan.included_minutes,
            included_directions=plan.included_directions,
            overage_per_minute_micros=plan.overage_per_minute_micros,
            price_per_call_micros=plan.price_per_call_micros,
            billing_increment=plan.billing_increment,
            tax_rate_bp=0 if tenant.tax_exempt else plan.tax_rate_bp,
            destinations=plan.destinations,
            timezone=tenant.timezone,
            demo=tenant.demo,
            emergency_charged=emergency_charged,
        )


@dataclass(frozen=True, slots=True)
class TariffVersion:
    """A tariff in force from `begins` until just before `ends`, both UTC."""

    tariff: Tariff
    begins: datetime
    ends: datetime

    @property
    def length_us(self) -> int:
        """Its length in microseconds."""
        return (self.ends - self.begins) // _MICROSECOND


TariffVersions = Sequence[
    TariffVersion
]  # those of one period or cycle: in order, without gaps, in one currency


def check_tariff_versions(tariff_versions: TariffVersions) -> None:
    """Raise ValueError unless in order and without gaps, ContradictionError for two currencies."""
    if not tariff_versions or any(
        tariff_version.begins >= tariff_version.ends for tariff_version in tariff_versions
    ):
        msg = (
            f"tariff versions {tariff_versions}: expected one or more, each ending after it begins"
        )
        raise ValueError(msg)
    for one, following in pairwise(tariff_versions):
        if one.ends != following.begins:
            msg = f"{one.tariff.plan} ends at {one.ends}, the next begins at {following.begins}"
            raise ValueError(msg)
        if one.tariff.currency != following.tariff.currency:
            msg = (
                f"{one.tariff.plan} is in {one.tariff.currency}, {following.tariff.plan} in"
                f" {following.tariff.currency}: change the currency at the beginning of a period"
            )
            raise ContradictionError(msg)


def switched(
    tariff_versions: TariffVersions, tariff: Tariff, at: datetime
) -> tuple[TariffVersion, ...]:
    """Return the versions with another tariff in force from `at` until their end.

    Raises ValueError for an instant outside them, or a tariff in another currency.
    """
    ends = tariff_versions[-1].ends
    if not tariff_versions[0].begins <= at < ends:
        msg = f"{at} is outside {tariff_versions[0].begins} to {ends}"
        raise ValueError(msg)
    kept = [replace(s, ends=min(s.ends, at)) for s in tariff_versions if s.begins < at]
    changed = (*kept, TariffVersion(tariff, at, ends))
    check_tariff_versions(changed)
    return changed


def tariff_version_at(tariff_versions: TariffVersions, at: datetime) -> TariffVersion:
    """Return the version in force at an instant; the first before them, the last after them."""
    begun = [tariff_version for tariff_version in tariff_versions if tariff_version.begins <= at]
    return begun[-1] if begun else tariff_versions[0]


def included_s(tariff_versions: TariffVersions) -> int | None:
    """Return the allowance in seconds: minutes weighted by share of time, in whole minutes.

    None: unlimited throughout. Otherwise an unlimited version adds nothing, since its legs do not
    draw on the allowance.
    """
    if all(tariff_version.tariff.included_minutes is None for tariff_version in tariff_versions):
        return None
    weighed = sum((s.tariff.included_minutes or 0) * s.length_us for s in tariff_versions)
    return 60 * half_up(
        weighed, sum(tariff_version.length_us for tariff_version in tariff_versions)
    )


def may_exhaust(tariff_versions: TariffVersions, legs: int, talk_us: int) -> bool:
    """Return whether so many legs could use up the allowance.

    Where not, what a leg draws does not depend on the others.
    """
    allowance_s = included_s(tariff_versions)
    if not allowance_s:  # unlimited, or none
        return False
    increments = {version.tariff.billing_increment for version in tariff_versions}
    return max(one.most_s(legs, talk_us) for one in increments) > allowance_s

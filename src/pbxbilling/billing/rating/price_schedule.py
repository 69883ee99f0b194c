"""Work out which plans and prices hold for a tenant in a billing period."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pbxbilling.accounts.records import PlanSwitched
from pbxbilling.accounts.terms.status import LEFT, PAYING, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.periods import whole_of
from pbxbilling.billing.rating.proration import PricePart, Proration, price_parts, prorate
from pbxbilling.billing.rating.tariff import Tariff, TariffVersion
from pbxbilling.catalog.plan import Cycle, Plan
from pbxbilling.kernel.errors import ContradictionError
from pbxbilling.kernel.period import Period, anchor_date
from pbxbilling.subscriptions.subscription import Subscription

_LONGEST_MONTH = timedelta(days=32)
_A_WHILE = timedelta(hours=1)  # tolerance between a first cycle's begin and its record


@dataclass(frozen=True, slots=True)
class PriceSchedule:
    """The tariffs of a period and the part of their prices due in it (see `statement_of`)."""

    tariff_versions: tuple[TariffVersion, ...]
    prices: tuple[PricePart, ...]
    changes: tuple[Proration, ...]
    with_setup: bool


def conditions(
    tenant: Tenant,
    period: Period,
    switches: Sequence[PlanSwitched],
    plans: Mapping[str, Plan],
    subscription: Subscription | None,
) -> PriceSchedule:
    """Return the price schedule of a tenant's period; `switches` are all from its begin on.

    Nothing is charged until a trial ends. A part of a month costs that part of the price and has
    the whole allowance. A yearly price is due in the period where the year begins. Raises
    ContradictionError for a plan that is unknown, has no price for the cycle, or has another
    currency.
    """
    cycle = cycle_of(tenant, plans, subscription)
    tariff_versions = _free_on_trial(
        _tariff_versions(tenant, period, switches, plans, cycle), tenant
    )
    if not _pays(tenant, period) or _is_before(period, subscription):
        return PriceSchedule(tariff_versions, (), (), with_setup=False)
    with_setup = _setup_is_due(tenant, period)
    if cycle is Cycle.MONTH:
        whole = whole_of(period, tenant, subscription)
        return PriceSchedule(tariff_versions, _parts_of(whole, tariff_versions), (), with_setup)
    year = _year_around(period, subscription)
    prices, changes = _of_a_year(year, period, tariff_versions)
    return PriceSchedule(tariff_versions, prices, changes, with_setup)


def cycle_of(tenant: Tenant, plans: Mapping[str, Plan], subscription: Subscription | None) -> Cycle:
    """Return the tenant's cycle: a year where its subscription has the plan's yearly price."""
    plan = plans.get(tenant.plan)
    if plan is None or subscription is None:
        return Cycle.MONTH
    yearly = plan.price_ids((Cycle.YEAR,))
    return Cycle.MONTH if yearly.isdisjoint(subscription.prices) else Cycle.YEAR


def _tariff_versions(
    tenant: Tenant,
    period: Period,
    switches: Iterable[PlanSwitched],
    plans: Mapping[str, Plan],
    cycle: Cycle,
) -> tuple[TariffVersion, ...]:
    """Return one version for each plan in force; a change at the period's begin adds none."""
    edges: list[tuple[datetime, str]] = []
    begins, plan = period.begins, None
    for switch in switches:
        plan = switch.after
        if switch.at <= period.begins:
            continue
        if switch.at >= period.ends:
            plan = switch.before
            break
        edges.append((begins, switch.before))
        begins = switch.at
    edges.append((begins, plan or tenant.plan))
    ends = [*(begins for begins, _ in edges[1:]), period.ends]
    return tuple(
        TariffVersion(Tariff.of(_plan(plans, slug, tenant), tenant, cycle), begins, until)
        for (begins, slug), until in zip(edges, ends, strict=True)
    )


def _plan(plans: Mapping[str, Plan], slug: str, tenant: Tenant) -> Plan:
    if slug not in plans:
        msg = (
            f"tenant {tenant.slug}: its plan {slug!r} is unknown; add it to the accounts file and"
            " `apply` it"
        )
        raise ContradictionError(msg)
    return plans[slug]


def _free_on_trial(
    tariff_versions: Sequence[TariffVersion], tenant: Tenant
) -> tuple[TariffVersion, ...]:
    until = tenant.trial_until
    if until is None:
        return tuple(tariff_versions)
    parts = []
    for tariff_version in tariff_versions:
        if tariff_version.begins < until:
            parts.append(
                replace(
                    tariff_version,
                    tariff=_free(tariff_version),
                    ends=min(tariff_version.ends, until),
                )
            )
        if until < tariff_version.ends:
            parts.append(replace(tariff_version, begins=max(tariff_version.begins, until)))
    return tuple(parts)


def _free(tariff_version: TariffVersion) -> Tariff:
    return replace(
        tariff_version.tariff,
        price=0,
        overage_per_minute_micros=0,
        price_per_call_micros=0,
        destinations=(),
    )


def _pays(tenant: Tenant, period: Period) -> bool:
    """Return whether a price is due: not before the first payment, nor after the tenant left."""
    if tenant.status in PAYING:
        return True
    if tenant.status is Status.INCOMPLETE or tenant.on_own_trial:
        return False
    since = tenant.status_since or period.begins
    return tenant.status not in LEFT or since > period.begins


def _is_before(period: Period, subscription: Subscription | None) -> bool:
    """Return whether the period is the rest of a month before the subscription was bought."""
    return subscription is not None and period.ends <= subscription.created_at + _A_WHILE


def _setup_is_due(tenant: Tenant, period: Period) -> bool:
    """Return whether the setup fee is due. It is charged once: on the first final statement or,
    with a subscription, in the period where its first invoice charged it.
    """
    if tenant.setup_paid_at is None:
        return tenant.subscription is None
    return period.begins <= tenant.setup_paid_at < period.ends


def _parts_of(whole: Period, tariff_versions: Sequence[TariffVersion]) -> tuple[PricePart, ...]:
    """Return the price of each version, where together they may be a part of a whole period."""
    first, last = tariff_versions[0], tariff_versions[-1]
    around = list(tariff_versions)
    if whole.begins < first.begins:
        around.insert(0, TariffVersion(_free(first), whole.begins, first.begins))
    if last.ends < whole.ends:
        around.append(TariffVersion(_free(last), last.ends, whole.ends))
    return tuple(part for part in price_parts(around) if part.tariff_version in tariff_versions)


def _year_around(period: Period, subscription: Subscription | None) -> Period:
    """Return the subscription's year that contains the period."""
    if subscription is None:
        return period
    begins, ends = subscription.period_start, subscription.period_end
    if begins is None or ends is None or ends - begins <= _LONGEST_MONTH:
        begins = subscription.trial_until or subscription.created_at
    first = begins
    years = period.begins.year - first.year + 1
    while (begins := _plus_years(first, years)) > period.begins:
        years -= 1
    return Period(period.month, begins, _plus_years(first, years + 1))


def _plus_years(at: datetime, years: int) -> datetime:
    day = anchor_date((at.year + years) * 12 + at.month - 1, at.day)
    return at.replace(year=day.year, day=day.day)


def _of_a_year(
    year: Period, period: Period, tariff_versions: Sequence[TariffVersion]
) -> tuple[tuple[PricePart, ...], tuple[Proration, ...]]:
    """Return the year's price in the period where it begins; in later ones, its changes of plan."""
    whole: tuple[TariffVersion, ...] = (
        replace(tariff_versions[0], begins=year.begins, ends=year.ends),
    )
    changes = []
    for tariff_version in tariff_versions[1:]:
        changes.append(prorate(whole, tariff_version.tariff, tariff_version.begins))
        whole = changes[-1].tariff_versions
    if period.begins <= year.begins < period.ends:
        return price_parts(whole), ()
    return (), tuple(changes)

"""Work out which plans and prices hold for a tenant in a billing period."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pbxbilling.accounts.terms.status import LEFT, PAYING, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.history import History
from pbxbilling.billing.periods import whole_of
from pbxbilling.billing.rating.cycles import cycle_around
from pbxbilling.billing.rating.in_force import tariffs_in
from pbxbilling.billing.rating.proration import PricePart, Proration, price_parts, prorate
from pbxbilling.billing.rating.tariff import Tariff, TariffVersion
from pbxbilling.catalog.plan import Cycle, Plan
from pbxbilling.kernel.period import Period
from pbxbilling.subscriptions.subscription import Subscription


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
    history: History,
    plans: Mapping[str, Plan],
    began: datetime | None = None,
    *,
    emergency_charged: bool = False,
) -> PriceSchedule:
    """Return the price schedule of a tenant's period: what was in force in it, whatever is now.

    Nothing is charged until a trial ends. A part of a month costs that part of the price and has
    the whole allowance. The price of a longer cycle is due in the period where the cycle begins;
    `began` is where billing began (None: with this period). Raises ContradictionError for a plan
    that is unknown, has no price for the cycle, or has another currency.
    """
    payer = history.at_end_of(tenant, period)
    opened = history.tenant(tenant, period.begins)  # whose terms say where the period ends
    lead = None if opened.demo else history.lead_at(period.begins)
    versions = tariffs_in(
        tenant, payer, period, history, plans, lead, emergency_charged=emergency_charged
    )
    tariff_versions = _free_on_trial(versions, tenant, period, history)
    if _is_rest(period, opened, lead, history) or not _pays(tenant, period, history):
        return PriceSchedule(tariff_versions, (), (), with_setup=False)
    with_setup = _setup_is_due(payer, period)
    cycle = versions[-1].tariff.cycle
    if cycle is Cycle.MONTH:
        whole = whole_of(period, opened, lead)
        return PriceSchedule(tariff_versions, _parts_of(whole, tariff_versions), (), with_setup)
    around = cycle_around(period, cycle, tenant, lead, history, plans, began)
    paid = _as_paid(tariff_versions, around, history, plans)
    prices, changes = _of_a_cycle(around, period, paid)
    return PriceSchedule(tariff_versions, prices, changes, with_setup)


def _free_on_trial(
    tariff_versions: Sequence[TariffVersion], tenant: Tenant, period: Period, history: History
) -> tuple[TariffVersion, ...]:
    """Split the versions where a trial begins and ends; they cost nothing in it.

    A trial that was granted within the period, or after it, makes nothing free that was before.
    """
    trials = [
        (part.begins, min(part.ends, one.trial_until))
        for one, part in history.tenants_in(tenant, period)
        if one.trial_until is not None and part.begins < one.trial_until
    ]
    edges = {edge for trial in trials for edge in trial}
    parts: list[TariffVersion] = []
    for version in tariff_versions:
        for part in _split(version, edges):
            free = any(begins <= part.begins < ends for begins, ends in trials)
            one = replace(part, tariff=_free(part)) if free else part
            if parts and parts[-1].tariff == one.tariff:
                parts[-1] = replace(parts[-1], ends=one.ends)
            else:
                parts.append(one)
    return tuple(parts)


def _split(version: TariffVersion, edges: Iterable[datetime]) -> Iterator[TariffVersion]:
    begins = version.begins
    within = sorted(edge for edge in edges if version.begins < edge < version.ends)
    for ends in (*within, version.ends):
        yield replace(version, begins=begins, ends=ends)
        begins = ends


def _free(tariff_version: TariffVersion) -> Tariff:
    return replace(
        tariff_version.tariff,
        price=0,
        setup_fee=0,
        overage_per_minute_micros=0,
        price_per_call_micros=0,
        destinations=(),
    )


def _pays(tenant: Tenant, period: Period, history: History) -> bool:
    """Return whether a price is due: whether the tenant paid, or owed, at any time in the period.

    It does not before its first payment, on its own trial and after it, nor once it has left.
    """
    for one, part in history.tenants_in(tenant, period):
        if one.status in PAYING:
            return True
        if one.status is Status.INCOMPLETE or one.on_own_trial:
            continue
        since = one.status_since or part.begins
        if one.status not in LEFT or since > part.begins:  # later: what was before is unknown
            return True
    return False


def _is_rest(period: Period, tenant: Tenant, lead: Subscription | None, history: History) -> bool:
    """Return whether the period is what was left of a month when a subscription began."""
    ended_itself = period.ends == tenant.period_at(period.begins).ends
    return lead is None and not ended_itself and history.is_bought_at(period.ends)


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


def _as_paid(
    tariff_versions: Sequence[TariffVersion],
    cycle: Period,
    history: History,
    plans: Mapping[str, Plan],
) -> list[TariffVersion]:
    """Return the versions at the prices of a cycle that is paid ahead.

    A plan costs what it cost where the cycle began, or where the tenant took it up in the cycle: a
    price that changes later is for the next one.
    """
    moves = [switch.at for switch in history.switches]
    paid = []
    for version in tariff_versions:
        tariff = version.tariff
        taken = max((at for at in moves if cycle.begins < at <= version.begins), default=None)
        plan = history.plan(plans[tariff.plan], taken or cycle.begins)
        price = plan.prices.get(tariff.cycle, tariff.price) if tariff.price else 0
        paid.append(replace(version, tariff=replace(tariff, price=price)))
    return paid


def _of_a_cycle(
    cycle: Period, period: Period, tariff_versions: Sequence[TariffVersion]
) -> tuple[tuple[PricePart, ...], tuple[Proration, ...]]:
    """Return the price of a long cycle in the period where it begins; later, changes of plan."""
    last = tariff_versions[0]
    whole: tuple[TariffVersion, ...] = (replace(last, begins=cycle.begins, ends=cycle.ends),)
    changes = []
    for version in tariff_versions[1:]:
        if (version.tariff.plan, version.tariff.price) != (last.tariff.plan, last.tariff.price):
            changes.append(prorate(whole, version.tariff, version.begins))
            whole = changes[-1].tariff_versions
        last = version
    if period.begins <= cycle.begins < period.ends:
        return price_parts(whole), ()
    return (), tuple(changes)

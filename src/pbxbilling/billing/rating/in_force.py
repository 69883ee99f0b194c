"""Which plans were in force for a tenant in a period, at which terms, and as which tariffs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.history import History
from pbxbilling.billing.rating.cycles import leading_cycle
from pbxbilling.billing.rating.tariff import Tariff, TariffVersion
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import ContradictionError
from pbxbilling.kernel.period import Period
from pbxbilling.subscriptions.subscription import Subscription


class PlanInForce(NamedTuple):
    """A plan with the terms that it had in a part of a period."""

    plan: Plan
    part: Period


def tariffs_in(
    tenant: Tenant,
    payer: Tenant,
    period: Period,
    history: History,
    plans: Mapping[str, Plan],
    lead: Subscription | None,
    *,
    emergency_charged: bool,
) -> tuple[TariffVersion, ...]:
    """Return one version for each plan, and each of its terms, that was in force.

    `payer` is the tenant as it was when the period ended: that decides on tax, time zone and demo.
    `lead` is the subscription that led, if any: it has one cycle for all plans. A plan that costs
    nothing has no currency of its own, and one without prices no cycle.
    """
    found = plans_in(tenant, period, history, plans)
    cycle = leading_cycle(period, found[-1].plan, lead, history)
    charging = [one.plan for one in found if not one.plan.costs_nothing] or [found[-1].plan]
    priced = [one.plan for one in found if one.plan.prices] or charging
    versions: list[TariffVersion] = []
    for plan, part in found:
        own = plan if plan.prices else priced[-1]
        cycle_now = cycle or own.own_cycle
        tariff = Tariff.of(plan, payer, cycle_now, emergency_charged=emergency_charged)
        if plan.costs_nothing:
            tariff = replace(tariff, currency=charging[-1].currency)
        if versions and versions[-1].tariff == tariff:  # what changed is not charged for
            versions[-1] = replace(versions[-1], ends=part.ends)
        else:
            versions.append(TariffVersion(tariff, part.begins, part.ends))
    return tuple(versions)


def contradicts_at(found: Sequence[PlanInForce], *, led: bool) -> datetime | None:
    """Return where plans in another currency or cycle begin, which one statement cannot show.

    None: they agree. `led` says that a subscription sets one cycle for all of them. Accounts files
    and commands are refused such a change; a period that has one nevertheless ends there.
    """
    currency = cycle = None
    for plan, part in found:
        if not plan.costs_nothing:
            if currency not in (None, plan.currency):
                return part.begins
            currency = plan.currency
        if plan.prices and not led:
            if cycle not in (None, plan.own_cycle):
                return part.begins
            cycle = plan.own_cycle
    return None


def plans_in(
    tenant: Tenant, period: Period, history: History, plans: Mapping[str, Plan]
) -> list[PlanInForce]:
    """Return the plans that a tenant had in a period. Raises ContradictionError: one is unknown."""
    found: list[PlanInForce] = []
    for slug, run in _runs(tenant, period, history):
        plan = _plan(plans, slug, tenant)
        parts = history.plans_in(plan, run, tenant.added_at)
        found += _in_last_currency([PlanInForce(*one) for one in parts])
    return found


def _in_last_currency(parts: list[PlanInForce]) -> list[PlanInForce]:
    """Return the parts of a plan that a tenant kept, in one currency.

    Where that changed, nothing was charged in the old one yet (see `accounts/open_periods.py`): the
    new list of prices holds from the beginning.
    """
    currency = parts[-1].plan.currency
    first = next(n for n, one in enumerate(parts) if one.plan.currency == currency)
    whole = replace(parts[first].part, begins=parts[0].part.begins)
    return [PlanInForce(parts[first].plan, whole), *parts[first + 1 :]]


def _runs(tenant: Tenant, period: Period, history: History) -> Iterator[tuple[str, Period]]:
    """Yield the slug of each plan that the tenant had in a period, and when."""
    begins, plan = period.begins, tenant.plan
    for switch in history.switches:
        if switch.at <= period.begins:
            continue
        if switch.at >= period.ends:
            plan = switch.before
            break
        yield switch.before, Period(period.month, begins, switch.at)
        begins = switch.at
    yield plan, Period(period.month, begins, period.ends)


def _plan(plans: Mapping[str, Plan], slug: str, tenant: Tenant) -> Plan:
    if slug not in plans:
        msg = (
            f"tenant {tenant.slug}: its plan {slug!r} is unknown; add it to the accounts file and"
            " `apply` it"
        )
        raise ContradictionError(msg)
    return plans[slug]

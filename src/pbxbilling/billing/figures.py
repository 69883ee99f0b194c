"""Compute business figures: recurring and usage revenue, trials, missed payments, churn.

docs/guides/figures.md defines each in a sentence. Amounts are net, in minor units of a currency;
currencies are never added together. Demo tenants count in none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pbxbilling.accounts.terms.status import LEFT, PAYING, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.cycles import cycle_of
from pbxbilling.billing.statements.statement import LineKind
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.money import half_up
from pbxbilling.kernel.period import Period
from pbxbilling.subscriptions.subscription import Invoice, Subscription

_USAGE = frozenset(
    {LineKind.OVERAGE, LineKind.DESTINATION, LineKind.CALLS, LineKind.UNITS, LineKind.ADJUSTMENT}
)
_PER_MONTH = 12  # parts of a month's price: a price of any cycle is a whole number of these a month


class Charged(NamedTuple):
    """The net sum of all lines of one kind on the final statements of a month."""

    currency: str
    kind: LineKind
    amount: int


@dataclass(frozen=True, slots=True)
class CurrencyFigures:
    """The figures of one currency, amounts in its minor units.

    As of now: `mrr` of `paying` tenants, `trial_mrr` that `trials` would add, the `unpaid` amount
    of `unpaid_invoices`, and how many tenants are `past_due`. Of the month: `usage` revenue on
    final statements and `overage`, a part of it; `churned` tenants and the `churned_mrr` lost
    with them.
    """

    currency: str
    paying: int = 0
    mrr: int = 0
    trials: int = 0
    trial_mrr: int = 0
    past_due: int = 0
    unpaid_invoices: int = 0
    unpaid: int = 0
    churned: int = 0
    churned_mrr: int = 0
    usage: int = 0
    overage: int = 0


@dataclass(frozen=True, slots=True)
class FiguresTaken(Fact):
    """The figures were computed at `at`; the monthly ones are for `month`."""

    at: datetime
    month: str
    currencies: tuple[CurrencyFigures, ...]


@dataclass(frozen=True, slots=True)
class TenantFigures:
    """What one tenant adds to the figures of a currency, and its status.

    Each is rounded for itself: their sum can differ from the figures by some minor units.
    """

    tenant: str
    status: Status
    figures: CurrencyFigures


class _Worth(NamedTuple):
    """A tenant and its monthly price, in twelfths of a minor unit."""

    tenant: Tenant
    status: Status
    currency: str
    twelfths: int


def figures(
    month: Period,
    at: datetime,
    tenants: Iterable[Tenant],
    plans: Mapping[str, Plan],
    subscriptions: Mapping[str, Subscription],
    invoices: Iterable[Invoice],
    charged: Iterable[Charged],
    grace_days: int,
) -> tuple[CurrencyFigures, ...]:
    """Return the figures of each currency that a plan in use, charge or invoice has, by code.

    `subscriptions` are by id; `invoices` are those of past-due tenants.
    """
    worths = [
        _worth(tenant, plans[tenant.plan], subscriptions, at, grace_days)
        for tenant in tenants
        if not tenant.demo and tenant.plan in plans
    ]
    charged, invoices = list(charged), list(invoices)
    currencies = {one.currency for one in worths}
    currencies |= {one.currency for one in charged} | {one.currency for one in invoices}
    return tuple(
        _of_currency(
            currency,
            month,
            [one for one in worths if one.currency == currency],
            [one for one in invoices if one.currency == currency],
            [one for one in charged if one.currency == currency],
        )
        for currency in sorted(currencies)
    )


def _worth(
    tenant: Tenant,
    plan: Plan,
    subscriptions: Mapping[str, Subscription],
    at: datetime,
    grace_days: int,
) -> _Worth:
    cycle = cycle_of(plan, subscriptions.get(tenant.subscription or ""))
    twelfths = plan.prices.get(cycle, 0) * _PER_MONTH // cycle.months
    return _Worth(tenant, tenant.status_at(at, grace_days), plan.currency, twelfths)


def _of_currency(
    currency: str,
    month: Period,
    worths: list[_Worth],
    invoices: list[Invoice],
    charged: list[Charged],
) -> CurrencyFigures:
    paying = [one for one in worths if one.status in PAYING and one.twelfths]
    trials = [one for one in worths if one.status is Status.TRIAL]
    churned = [one for one in worths if _was_lost(one, month)]
    unpaid = [one for one in invoices if one.awaits_payment]
    return CurrencyFigures(
        currency,
        paying=len(paying),
        mrr=_sum(paying),
        trials=len(trials),
        trial_mrr=_sum(trials),
        past_due=sum(one.status is Status.PAST_DUE for one in worths),
        unpaid_invoices=len(unpaid),
        unpaid=sum(one.total for one in unpaid),
        churned=len(churned),
        churned_mrr=_sum(churned),
        usage=sum(one.amount for one in charged if one.kind in _USAGE),
        overage=sum(one.amount for one in charged if one.kind is LineKind.OVERAGE),
    )


def _was_lost(one: _Worth, month: Period) -> bool:
    """Return whether a paying tenant left in the month; one whose own trial ran out never paid."""
    since = one.tenant.status_since
    if one.status not in LEFT or not one.twelfths or one.tenant.on_own_trial:
        return False
    return since is not None and month.begins <= since < month.ends


def _sum(worths: Iterable[_Worth]) -> int:
    """Round once, so that a thousand yearly prices do not add up a thousand rounding errors."""
    return half_up(sum(one.twelfths for one in worths), _PER_MONTH)

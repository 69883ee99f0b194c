"""Gauges of the business figures that were taken last, in units of their currency."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from prometheus_client.core import GaugeMetricFamily

from pbxbilling.billing.figures import CurrencyFigures, FiguresTaken
from pbxbilling.kernel.money import from_minor

_AMOUNTS = {
    "mrr": "Monthly recurring revenue of paying tenants, net.",
    "trial_mrr": "What tenants on trial would add to it.",
    "unpaid": "Total of open invoices of tenants that are past due.",
    "churned_mrr": "What tenants that left this month paid a month.",
    "usage": "Usage on final statements of this month, net.",
    "overage": "The part of it beyond included minutes.",
}
_COUNTS = {
    "paying": "Tenants that pay a price.",
    "trials": "Tenants on trial.",
    "past_due": "Tenants whose payment failed.",
    "churned": "Tenants that paid and left this month.",
}
_NAMES = {"usage": "usage_revenue", "overage": "overage_revenue", "unpaid": "unpaid_amount"}


def money_gauges(taken: FiguresTaken | None) -> Iterator[GaugeMetricFamily]:
    """Yield the gauges of one scrape; without samples before the first figures were taken."""
    currencies = taken.currencies if taken is not None else ()
    for name, text in _AMOUNTS.items():
        yield _gauge(_NAMES.get(name, name), text, currencies, _amount(name))
    for name, text in _COUNTS.items():
        yield _gauge(f"{name.removesuffix('s')}_tenants", text, currencies, _count(name))


def _amount(name: str) -> Callable[[CurrencyFigures], float]:
    return lambda one: float(Decimal(from_minor(getattr(one, name), one.currency)))


def _count(name: str) -> Callable[[CurrencyFigures], float]:
    return lambda one: float(getattr(one, name))


def _gauge(
    name: str,
    text: str,
    currencies: tuple[CurrencyFigures, ...],
    value: Callable[[CurrencyFigures], float],
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"pbxbilling_{name}", text, labels=("currency",))
    for one in currencies:
        family.add_metric((one.currency,), value(one))
    return family

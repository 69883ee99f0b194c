"""The figures of the business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.billing.figures import CurrencyFigures
from pbxbilling.kernel.bounds import read_period
from pbxbilling.kernel.money import from_minor
from pbxbilling.web.api.command import Arguments, Command, Services
from pbxbilling.web.api.given import month
from pbxbilling.web.api.shape import plain

_AMOUNTS = ("mrr", "trial_mrr", "unpaid", "churned_mrr", "usage", "overage")
_COUNTS = ("paying", "trials", "past_due", "unpaid_invoices", "churned")


async def _figures(services: Services, given: Arguments, _actor: str) -> Any:
    taken = await services.figures.take(month(given))
    currencies = [_currency(one) for one in taken.currencies]
    return {"at": taken.at, "month": taken.month, "currencies": currencies}


def _currency(one: CurrencyFigures) -> dict[str, Any]:
    amounts = {name: from_minor(getattr(one, name), one.currency) for name in _AMOUNTS}
    return {"currency": one.currency, **amounts, **{name: getattr(one, name) for name in _COUNTS}}


async def _reconcile(services: Services, given: Arguments, _actor: str) -> Any:
    return [
        {**plain(one), "difference": one.difference}
        for one in await services.comparison.periods(read_period(given["month"]))
        if one.difference
    ]


COMMANDS: Mapping[str, Command] = {
    "figures": Command(_figures),
    "figures-reconcile": Command(_reconcile),
}

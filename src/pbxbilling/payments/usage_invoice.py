"""Make the invoice for the payment gateway from a final statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pbxbilling.billing.statements.statement import LineKind, Statement, StatementLine
from pbxbilling.kernel.money import from_basis_points

_OF_SUBSCRIPTION = frozenset({LineKind.PLAN, LineKind.SETUP})  # on the subscription's own invoices


class InvoiceLine(NamedTuple):
    """One line, identified by `key`; `amount` in minor units."""

    key: str
    text: str
    amount: int


@dataclass(frozen=True, slots=True)
class UsageInvoice:
    """What to invoice to the gateway's `customer` for a tenant's final statement."""

    tenant: str
    month: str
    customer: str
    currency: str
    lines: tuple[InvoiceLine, ...]

    @property
    def total(self) -> int:
        """Return the sum of the lines; below 0 it is a credit of the customer."""
        return sum(line.amount for line in self.lines)


def usage_invoice(statement: Statement, customer: str, *, subscribed: bool) -> UsageInvoice:
    """Return the invoice of a statement, with those of its lines that have an amount.

    Where the tenant is `subscribed`, plan and setup are left out, because the subscription's own
    invoices have them. Tax is the statement's, one line for each rate.
    """
    charged = [
        line
        for line in statement.lines
        if line.amount and not (subscribed and line.kind in _OF_SUBSCRIPTION)
    ]
    lines = (*(InvoiceLine(one.key, one.text, one.amount) for one in charged), *_taxes(charged))
    payer, month = statement.payer.tenant, statement.period.month
    return UsageInvoice(payer, month, customer, statement.currency, lines)


def _taxes(lines: Iterable[StatementLine]) -> Iterator[InvoiceLine]:
    sums: dict[int, int] = {}
    for line in lines:
        sums[line.tax_rate_bp] = sums.get(line.tax_rate_bp, 0) + line.tax
    for rate, tax in sorted(sums.items()):
        if tax:
            yield InvoiceLine(f"tax:{rate}", f"Tax {from_basis_points(rate)} %", tax)

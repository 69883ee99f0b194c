"""An invoice at the payment gateway, made from a final statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pbxbilling.billing.statements.statement import LineKind, Statement, StatementLine
from pbxbilling.kernel.money import from_basis_points

_OF_SUBSCRIPTION = frozenset({LineKind.PLAN, LineKind.SETUP})  # its own invoices have these


class InvoiceLine(NamedTuple):
    """One line, by a key of its own; `amount` in minor units."""

    key: str
    text: str
    amount: int


@dataclass(frozen=True, slots=True)
class UsageInvoice:
    """What is to be invoiced to the gateway's `customer`."""

    tenant: str
    month: str
    customer: str
    currency: str
    lines: tuple[InvoiceLine, ...]

    @property
    def total(self) -> int:
        """The sum of the lines; below 0 it is the customer's credit."""
        return sum(line.amount for line in self.lines)


def usage_invoice(statement: Statement, customer: str, *, subscribed: bool) -> UsageInvoice:
    """The invoice that says what the statement says.

    Who is `subscribed` gets plan and setup on the subscription's own invoices. Tax is the
    statement's, a line for each rate.
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

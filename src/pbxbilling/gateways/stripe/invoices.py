"""The `Invoices` port over Stripe's API: https://docs.stripe.com/api/invoices

A repeated request is recognized for a day by its idempotency key, and after that by metadata.
Amounts are sent, and totals compared, in Stripe's own unit (`currencies`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pbxbilling.gateways.stripe import objects
from pbxbilling.gateways.stripe.client import StripeApi, understood
from pbxbilling.gateways.stripe.currencies import in_words, own_amount, unit_of
from pbxbilling.gateways.stripe.invoice_lines import with_every_line
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.payments.ports import IssuedInvoice
from pbxbilling.payments.usage_invoice import InvoiceLine, UsageInvoice

DUE_DAYS = 14
MONTH, LINE = "usage_of", "line"
_MOST = 100


class StripeInvoices:
    """Creates and reads the usage invoices of one account."""

    name = STRIPE

    def __init__(self, api: StripeApi) -> None:
        self._api = api

    async def find(self, order: UsageInvoice) -> IssuedInvoice | None:
        """Return the invoice of that period if it is among the customer's last hundred."""
        params = {"customer": order.customer, "limit": _MOST}
        reply = await self._api.call(
            f"invoices of customer {order.customer}", self._api.v1.invoices.list_async(params)
        )
        rows = understood(lambda: list(_found(reply.object["data"], order)))
        return await self._issued(rows[0], order) if rows else None

    async def create(self, order: UsageInvoice) -> IssuedInvoice:
        """Create a draft without lines; pending items at Stripe stay off it.

        Raises RejectedError for a currency that Stripe does not take.
        """
        unit_of(order.currency)
        params = {
            "customer": order.customer,
            "currency": order.currency.lower(),
            "auto_advance": False,
            "collection_method": "send_invoice",
            "days_until_due": DUE_DAYS,
            "pending_invoice_items_behavior": "exclude",
            "metadata": {objects.TENANT: order.tenant, MONTH: order.month},
        }
        request = self._api.v1.invoices.create_async(params, _once(order, "invoice"))
        reply = await self._api.call(_what(order), request)
        return await self._issued(reply.object, order)

    async def add(self, order: UsageInvoice, invoice: str, line: InvoiceLine) -> None:
        """Add a line to a draft."""
        params = {
            "customer": order.customer,
            "invoice": invoice,
            "amount": own_amounts(order)[line.key],
            "currency": order.currency.lower(),
            "description": line.text,
            "metadata": {LINE: line.key},
        }
        request = self._api.v1.invoice_items.create_async(params, _once(order, f"line-{line.key}"))
        await self._api.call(f"{_what(order)}: {line.text}", request)

    async def invoice(self, order: UsageInvoice, ident: str) -> IssuedInvoice:
        """Return an invoice's current state."""
        request = self._api.v1.invoices.retrieve_async(ident)
        reply = await self._api.call(_what(order), request)
        return await self._issued(reply.object, order)

    async def finalize(self, order: UsageInvoice, ident: str) -> None:
        """Finalize an invoice: it gets a number and cannot change any more."""
        request = self._api.v1.invoices.finalize_invoice_async(ident, {"auto_advance": True})
        await self._api.call(_what(order), request)

    async def send(self, order: UsageInvoice, ident: str) -> None:
        """Have Stripe mail an invoice."""
        request = self._api.v1.invoices.send_invoice_async(ident, {}, _once(order, "send"))
        await self._api.call(_what(order), request)

    async def _issued(self, row: Mapping[str, Any], order: UsageInvoice) -> IssuedInvoice:
        whole = await with_every_line(self._api, row)
        return understood(lambda: _issued(whole, order))


def own_amounts(order: UsageInvoice) -> dict[str, int]:
    """Return the amount of each line by its key, in Stripe's unit. Raises as `unit_of`.

    Running sums are rounded, so the lines add up to the rounded total, however many there are.
    """
    amounts: dict[str, int] = {}
    total = charged = 0
    for line in order.lines:
        total += line.amount
        amounts[line.key] = own_amount(total, order.currency) - charged
        charged += amounts[line.key]
    return amounts


def _what(order: UsageInvoice) -> str:
    return f"invoice of {order.month} for tenant {order.tenant}"


def _once(order: UsageInvoice, step: str) -> dict[str, Any]:
    return {"idempotency_key": f"usage-{order.tenant}-{order.month}-{order.customer}-{step}"}


def _found(rows: Iterable[Mapping[str, Any]], order: UsageInvoice) -> Iterator[Mapping[str, Any]]:
    return (row for row in rows if _is_of(row, order) and row["status"] != "void")


def _is_of(row: Mapping[str, Any], order: UsageInvoice) -> bool:
    metadata = row.get("metadata") or {}
    return (metadata.get(objects.TENANT), metadata.get(MONTH)) == (order.tenant, order.month)


def _issued(row: Mapping[str, Any], order: UsageInvoice) -> IssuedInvoice:
    lines = [(line.get("metadata") or {}).get(LINE, "") for line in row["lines"]["data"]]
    total, currency = int(row["total"]), str(row["currency"]).upper()
    ordered = own_amount(order.total, order.currency), order.currency
    return IssuedInvoice(
        id=str(row["id"]),
        draft=row["status"] == "draft",
        total=in_words(total, currency),
        agrees=(total, currency) == ordered,
        lines=tuple(lines),
    )

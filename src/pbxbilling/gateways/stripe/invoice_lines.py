"""Fetch all lines of an invoice: with the invoice itself come the first ten only.

https://docs.stripe.com/api/invoice-line-item/list
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxbilling.gateways.stripe.client import StripeApi, understood

PAGE = 100
_PAGES_MOST = 1000  # guards against a list that never ends


async def with_every_line(api: StripeApi, invoice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an invoice with all its lines; asks only if it shows a part. Raises GatewayError."""
    if not understood(lambda: bool(invoice["lines"].get("has_more"))):
        return invoice
    lines: list[Any] = []
    for _ in range(_PAGES_MOST):
        params: dict[str, Any] = {"limit": PAGE}
        if lines:
            params["starting_after"] = lines[-1]["id"]
        request = api.v1.invoices.line_items.list_async(invoice["id"], params)
        reply = await api.call(f"lines of invoice {invoice['id']}", request)
        page = understood(lambda found=reply.object: list(found["data"]))  # type: ignore[misc]
        lines += page
        if not page or not reply.object.get("has_more"):
            break
    return {**invoice, "lines": {**invoice["lines"], "data": lines, "has_more": False}}

"""Read from an invoice which cycle of its subscription it opens.

An invoice may have anything beside the subscription's own lines: items put on its draft,
prorations, one-time prices, each with dates of its own, and more lines than it shows. So the begin
is the invoice's own date, and a line says the end only if its period begins there.
"""

from __future__ import annotations

from typing import NamedTuple

from pbxbilling.gateways.stripe.reading import Object, instant
from pbxbilling.subscriptions.events import InvoicedCycle

_OPENING = frozenset({"subscription_create", "subscription_cycle"})


class Opened(NamedTuple):
    """The cycle that an invoice opens, None: it opens none, as far as the lines that it shows say.

    `whole` is false where lines that it does not show may tell more.
    """

    cycle: InvoicedCycle | None
    whole: bool = True


def opened(given: Object) -> Opened:
    """Return the cycle that an invoice opens, by its own lines: the subscription may have gone on.

    `period_end` looks back: the usage period that the invoice closes ends where the new cycle
    begins (https://docs.stripe.com/api/invoices/object). Prices charged in advance have the cycle's
    dates, usage those of the cycle before.
    """
    if given.get("billing_reason") not in _OPENING:
        return Opened(None)
    lines, more = given["lines"]["data"], bool(given["lines"].get("has_more"))
    own = [line["period"] for line in lines if _is_of_subscription(line)]
    if not own and not more:
        return Opened(None)
    begins = given.get("period_end") or max(int(period["start"]) for period in own)
    ends = [period["end"] for period in own if period["start"] == begins < period["end"]]
    cycle = InvoicedCycle(instant(begins), instant(min(ends)) if ends else None)
    return Opened(cycle, whole=bool(ends) or not more)


def _is_of_subscription(line: Object) -> bool:
    """Return whether a line is the charge of a subscription's item for one of its own periods.

    Until API 2025-03-31 its kind is in `type`, and `proration` at the top level.
    """
    parent = line.get("parent") or {}
    kind = parent.get("type") or line.get("type") or "subscription"
    details = parent.get("subscription_item_details") or line
    return kind in ("subscription_item_details", "subscription") and not details.get("proration")

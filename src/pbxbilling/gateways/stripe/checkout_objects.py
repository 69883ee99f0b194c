"""Translate Stripe's objects around a sale: checkout and portal sessions."""

from __future__ import annotations

from typing import Any

from pbxbilling.gateways.stripe.reading import Object, instant, parsing
from pbxbilling.subscriptions.order import CheckoutSession

PLAN = "plan"  # our keys in Stripe's metadata, beside those of `objects`
CYCLE = "cycle"
ORDER = "order"

ENDED = frozenset({"canceled", "incomplete_expired"})  # final statuses


def checkout(given: Object) -> CheckoutSession:
    """Translate an open checkout session."""
    with parsing("checkout", given):
        metadata: dict[str, Any] = given.get("metadata") or {}
        return CheckoutSession(
            id=str(given["id"]),
            url=page_url(given),
            expires_at=instant(given["expires_at"]),
            order=str(metadata.get(ORDER, "")),
        )


def has_several_periods(given: Object) -> bool:
    """Return whether the periods of a subscription's items end at different times."""
    with parsing("subscription", given):
        return len({item.get("current_period_end") for item in given["items"]["data"]}) > 1


def page_url(given: Object) -> str:
    """Return the URL of a session's page."""
    with parsing("session", given):
        url = str(given["url"])
        if not url.startswith("https://"):
            msg = "it has no URL"
            raise ValueError(msg)
        return url

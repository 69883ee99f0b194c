"""Translate Stripe's objects around a sale: accounts, prices, checkout and portal sessions."""

from __future__ import annotations

from typing import Any

from pbxbilling.gateways.stripe.reading import Object, instant, parsing
from pbxbilling.subscriptions.order import CheckoutSession, GatewayAccount, PriceFound

PLAN = "plan"  # our keys in Stripe's metadata, beside those of `objects`
CYCLE = "cycle"
ORDER = "order"

ENDED = frozenset({"canceled", "incomplete_expired"})  # final statuses

_MONTHS = {"month": 1, "year": 12}


def account(given: Object) -> GatewayAccount:
    """Translate an account; its name is the most public one that it has."""
    with parsing("account"):
        profile, settings = given.get("business_profile") or {}, given.get("settings") or {}
        shown = profile.get("name") or (settings.get("dashboard") or {}).get("display_name")
        return GatewayAccount(str(given["id"]), str(shown or given.get("email") or ""))


def price(given: Object) -> PriceFound:
    """Translate a price; it has an amount only where that is whole minor units per unit."""
    with parsing("price", given):
        recurring: Object = given.get("recurring") or {}
        amount = given.get("unit_amount")
        return PriceFound(
            id=str(given["id"]),
            active=bool(given["active"]),
            live=bool(given["livemode"]),
            currency=str(given["currency"]).upper(),
            amount=None if amount is None else int(amount),
            months=_months(recurring),
            metered=recurring.get("usage_type") == "metered",
        )


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


def _months(recurring: Object) -> int | None:
    if not recurring:
        return 0
    months = _MONTHS.get(recurring["interval"])
    return None if months is None else months * int(recurring.get("interval_count") or 1)

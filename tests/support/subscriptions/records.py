"""Records from a payment gateway, with irrelevant fields filled in."""

from __future__ import annotations

from typing import Any

from pbxbilling.accounts.terms.status import Status
from pbxbilling.subscriptions.events import WebhookEvent
from pbxbilling.subscriptions.subscription import Customer, Invoice, Subscription
from tests.support.store.records import NOON, after


def subscription(ident: str = "sub_1", **changed: Any) -> Subscription:
    """Return an active subscription of acme."""
    fields: dict[str, Any] = {
        "id": ident,
        "customer": "cus_1",
        "status": Status.ACTIVE,
        "prices": ("price_1",),
        "created_at": NOON,
        "as_of": NOON,
        "live": False,
        "tenant": "acme",
    }
    return Subscription(**(fields | changed))


def customer(ident: str = "cus_1", **changed: Any) -> Customer:
    """Return the customer of acme."""
    fields: dict[str, Any] = {
        "id": ident,
        "tenant": "acme",
        "email": "billing@acme.example",
        "live": False,
    }
    return Customer(**(fields | changed))


def invoice(ident: str = "in_1", **changed: Any) -> Invoice:
    """Return an open invoice of acme's subscription."""
    fields: dict[str, Any] = {
        "id": ident,
        "customer": "cus_1",
        "subscription": "sub_1",
        "tenant": "acme",
        "number": "A-0001",
        "status": "open",
        "total": 2900,
        "currency": "EUR",
        "created_at": NOON,
        "as_of": NOON,
        "live": False,
    }
    return Invoice(**(fields | changed))


def event(ident: str = "evt_1", second: float = 0, **changed: Any) -> WebhookEvent:
    """Return an event about acme's subscription that arrived so many seconds past noon."""
    fields: dict[str, Any] = {
        "id": ident,
        "kind": "customer.subscription.updated",
        "about": "sub_1",
        "created_at": NOON,
        "received_at": after(second),
        "live": False,
        "body": "{}",
    }
    return WebhookEvent(**(fields | changed))

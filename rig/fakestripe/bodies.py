"""Bodies of objects in wire form, with every field that the stripe package's types require.

Pure builders. Amounts are minor units, instants seconds since 1970.
"""

from typing import Any

Body = dict[str, Any]

API_VERSION = "2026-10-28.endive"


def page(url: str, rows: list[Body], *, has_more: bool) -> Body:
    """One page of a list."""
    return {"object": "list", "url": url, "data": rows, "has_more": has_more}


def found(url: str, rows: list[Body]) -> Body:
    """The only page of a search."""
    return {
        "object": "search_result",
        "url": url,
        "data": rows,
        "has_more": False,
        "next_page": None,
    }


def account() -> Body:
    """The account that the key belongs to."""
    return {
        "id": "acct_fake",
        "object": "account",
        "business_profile": {"name": "Fake Telecom"},
        "charges_enabled": True,
        "country": "DE",
        "default_currency": "eur",
        "details_submitted": True,
        "email": "owner@provider.example",
        "payouts_enabled": True,
        "type": "standard",
    }


def customer(object_id: str, at: int, params: Body, *, livemode: bool) -> Body:
    """One customer; `params` are those of its creation."""
    return {
        "id": object_id,
        "object": "customer",
        "address": params.get("address"),
        "balance": 0,
        "created": at,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": params.get("description"),
        "discount": None,
        "email": params.get("email"),
        "invoice_prefix": object_id[-8:].upper(),
        "invoice_settings": {"default_payment_method": None, "custom_fields": None, "footer": None},
        "livemode": livemode,
        "metadata": dict(params.get("metadata") or {}),
        "name": params.get("name"),
        "next_invoice_sequence": 1,
        "phone": params.get("phone"),
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": params.get("tax_exempt") or "none",
        "test_clock": None,
    }


def deleted(body: Body) -> Body:
    """The remains of a deleted object."""
    return {"id": body["id"], "object": body["object"], "deleted": True}


def checkout_session(
    object_id: str, at: int, params: Body, *, amount: int, currency: str, livemode: bool
) -> Body:
    """An open session; `params` are those of its creation."""
    mode = "live" if livemode else "test"
    email = params.get("customer_email")
    return {
        "id": object_id,
        "object": "checkout.session",
        "allow_promotion_codes": None,
        "amount_subtotal": amount,
        "amount_total": amount,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "created": at,
        "currency": currency,
        "custom_fields": [],
        "custom_text": {"after_submit": None, "shipping_address": None, "submit": None},
        "customer": params.get("customer"),
        "customer_creation": None if params.get("customer") else "always",
        "customer_details": {"email": email} if email else None,
        "customer_email": email,
        "expires_at": at + 24 * 3600,
        "invoice": None,
        "livemode": livemode,
        "locale": params.get("locale"),
        "metadata": dict(params.get("metadata") or {}),
        "mode": params["mode"],
        "payment_intent": None,
        "payment_link": None,
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "setup_intent": None,
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "success_url": params.get("success_url"),
        "ui_mode": "hosted",
        "url": f"https://checkout.stripe.invalid/c/pay/cs_{mode}_{object_id[-14:]}",
    }


def portal_session(object_id: str, at: int, params: Body, *, livemode: bool) -> Body:
    """A session of the customer portal, with its short-lived URL."""
    return {
        "id": object_id,
        "object": "billing_portal.session",
        "configuration": params.get("configuration") or "bpc_fake",
        "created": at,
        "customer": params["customer"],
        "flow": None,
        "livemode": livemode,
        "locale": params.get("locale"),
        "on_behalf_of": None,
        "return_url": params.get("return_url"),
        "url": f"https://billing.stripe.invalid/p/session/{object_id}",
    }


def event(object_id: str, at: int, kind: str, of: Body, previous: Body | None) -> Body:
    """A snapshot event; `of` is the object at that time."""
    data: Body = {"object": of}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": object_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": at,
        "data": data,
        "livemode": bool(of.get("livemode")),
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def portal_configuration(
    object_id: str, at: int, *, cancels: str, cards: bool, invoices: bool
) -> Body:
    """The default configuration of the portal; `cancels` is "" where customers cannot cancel."""
    return {
        "id": object_id,
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": {
            "headline": None,
            "privacy_policy_url": None,
            "terms_of_service_url": None,
        },
        "created": at,
        "default_return_url": None,
        "features": {
            "customer_update": {"allowed_updates": [], "enabled": False},
            "invoice_history": {"enabled": invoices},
            "payment_method_update": {"enabled": cards, "payment_method_configuration": None},
            "subscription_cancel": {
                "cancellation_reason": {"enabled": False, "options": []},
                "enabled": bool(cancels),
                "mode": cancels or "at_period_end",
                "proration_behavior": "none",
            },
            "subscription_pause": {
                "duration": {"interval_options": [], "type": "indefinite"},
                "enabled": False,
            },
            "subscription_update": {
                "default_allowed_updates": [],
                "enabled": False,
                "proration_behavior": "none",
                "schedule_at_period_end": {"conditions": []},
                "trial_update_behavior": "end_trial",
            },
        },
        "is_default": True,
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": at,
    }


def event_destination(object_id: str, at: str, url: str, types: list[str]) -> Body:
    """A webhook endpoint for thin events, those of API v2."""
    return {
        "id": object_id,
        "object": "v2.core.event_destination",
        "created": at,
        "description": "",
        "enabled_events": types,
        "event_payload": "thin",
        "livemode": False,
        "name": "usage reports",
        "status": "enabled",
        "type": "webhook_endpoint",
        "updated": at,
        "webhook_endpoint": {"url": url},
    }


def webhook_endpoint(object_id: str, at: int, url: str, types: list[str]) -> Body:
    """A registered endpoint, without its secret, which only the answer to its creation shows."""
    return {
        "id": object_id,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": at,
        "description": None,
        "enabled_events": types or ["*"],
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }

"""Translate Stripe's objects and events into ours: the one place that knows their field names.

Shapes are those of API 2026-10-28; where a field has moved, its older place is read too, because
the account chooses its endpoint's version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from pbxbilling.accounts.terms.status import Status
from pbxbilling.gateways.stripe.currencies import minor_amount
from pbxbilling.gateways.stripe.cycles import opened
from pbxbilling.gateways.stripe.reading import (
    Object,
    identifier,
    instant,
    maybe_instant,
    parsing,
)
from pbxbilling.subscriptions.adoption.matching import CustomerProfile
from pbxbilling.subscriptions.events import Message, Topic
from pbxbilling.subscriptions.subscription import Customer, Invoice, Subscription

TENANT = "tenant"  # our keys in Stripe's metadata
SETUP = "setup"

_STATUSES: Mapping[str, Status] = {
    "trialing": Status.TRIAL,
    "active": Status.ACTIVE,
    "past_due": Status.PAST_DUE,
    "unpaid": Status.READ_ONLY,
    "paused": Status.READ_ONLY,
    "canceled": Status.CANCELLED,
    "incomplete": Status.INCOMPLETE,
    "incomplete_expired": Status.INCOMPLETE,
}

TOPICS: Mapping[str, Topic] = {
    "checkout.session.completed": Topic.CHECKOUT,
    "customer.subscription.created": Topic.SUBSCRIPTION,
    "customer.subscription.updated": Topic.SUBSCRIPTION,
    "customer.subscription.deleted": Topic.SUBSCRIPTION,
    "customer.subscription.paused": Topic.SUBSCRIPTION,
    "customer.subscription.resumed": Topic.SUBSCRIPTION,
    "customer.subscription.trial_will_end": Topic.TRIAL_ENDS_SOON,
    "invoice.paid": Topic.INVOICE,
    "invoice.payment_succeeded": Topic.INVOICE,
    "invoice.payment_failed": Topic.INVOICE,
    "invoice.finalized": Topic.INVOICE,
    "invoice.voided": Topic.INVOICE,
    "invoice.marked_uncollectible": Topic.INVOICE,
    "customer.deleted": Topic.CUSTOMER,
    "v1.billing.meter.error_report_triggered": Topic.METER_REPORT,
}


def message(body: bytes | str) -> Message:
    """Parse an event. Raises UnreadableError."""
    with parsing("event"):
        event = orjson.loads(body)
        kind = str(event["type"])
        topic = TOPICS.get(kind, Topic.OTHER)
        bare = Message(
            id=str(event["id"]),
            kind=kind,
            topic=topic,
            about=str(event["id"]),
            created_at=instant(event["created"]),
            live=bool(event["livemode"]),
        )
        return _READERS[topic](bare, event) if topic in _READERS else bare


def subscription(given: Object, as_of: datetime) -> Subscription:
    """Translate a subscription as of `as_of`. Raises UnreadableError, also for a new status."""
    with parsing("subscription", given):
        items = (given.get("items") or {}).get("data") or []
        metadata = given.get("metadata") or {}
        period_start, period_end = _period(given, items)
        return Subscription(
            id=str(given["id"]),
            customer=identifier(given["customer"]) or "",
            status=_status(given["status"]),
            prices=tuple(_prices(given, items)),
            created_at=instant(given["created"]),
            as_of=as_of,
            live=bool(given["livemode"]),
            tenant=metadata.get(TENANT) or None,
            status_since=as_of,
            trial_until=maybe_instant(given.get("trial_end")),
            period_start=maybe_instant(period_start),
            period_end=maybe_instant(period_end),
            cancel_at_period_end=bool(given.get("cancel_at_period_end") or given.get("cancel_at")),
            with_setup=SETUP in metadata,
            anchored_at=maybe_instant(given.get("billing_cycle_anchor")),
            ends_at=maybe_instant(_end(given, period_end)),
        )


def invoice(given: Object, as_of: datetime) -> Invoice:
    """Translate an invoice as of `as_of`. Raises UnreadableError."""
    with parsing("invoice", given):
        details = ((given.get("parent") or {}).get("subscription_details")) or {}
        metadata = details.get("metadata") or given.get("metadata") or {}
        moved = given.get("status_transitions") or {}
        currency = str(given["currency"]).upper()
        return Invoice(
            id=str(given["id"]),
            customer=identifier(given.get("customer")) or "",
            subscription=identifier(details.get("subscription") or given.get("subscription")),
            tenant=metadata.get(TENANT) or None,
            number=str(given.get("number") or ""),
            status=str(given.get("status") or ""),
            total=minor_amount(int(given["total"]), currency),
            currency=currency,
            created_at=instant(given["created"]),
            as_of=as_of,
            live=bool(given["livemode"]),
            paid_at=maybe_instant(moved.get("paid_at")),
            page_url=str(given.get("hosted_invoice_url") or ""),
        )


def customer(given: Object) -> Customer:
    """Translate a customer, or the remains of a deleted one. Raises UnreadableError."""
    with parsing("customer", given):
        return Customer(
            id=str(given["id"]),
            tenant=(given.get("metadata") or {}).get(TENANT) or None,
            email=str(given.get("email") or ""),
            live=bool(given.get("livemode")),
            deleted=bool(given.get("deleted")),
        )


def profile(given: Object) -> CustomerProfile:
    """Translate a customer with what may tell whose it is. Raises UnreadableError."""
    with parsing("customer", given):
        return CustomerProfile(
            id=str(given["id"]),
            name=str(given.get("name") or ""),
            email=str(given.get("email") or ""),
            tenant=(given.get("metadata") or {}).get(TENANT) or None,
            live=bool(given["livemode"]),
        )


def _status(word: str) -> Status:
    known = _STATUSES.get(word)
    if known is None:
        msg = f"its status {word!r} is new to this program"
        raise ValueError(msg)
    return known


def _of_checkout(bare: Message, event: Object) -> Message:
    """Read a checkout session and the tenant that it is for.

    On a payment link, a buy button or a pricing table the payer can put `client_reference_id` into
    the URL of the page (https://docs.stripe.com/payment-links/url-parameters) and fill in the
    form; only the account writes metadata. So metadata names the tenant of a session of ours, and
    any other name is only a claim.
    """
    session = event["data"]["object"]
    written = (session.get("metadata") or {}).get(TENANT) or None
    claimed = session.get("client_reference_id") or None
    is_ours = session.get("payment_link") is None and claimed in (None, written)
    bought, buyer = identifier(session.get("subscription")), identifier(session.get("customer"))
    return replace(
        bare,
        about=bought or buyer or bare.id,
        tenant=written if is_ours else None,
        claimed=claimed,
        customer_id=buyer,
        subscription_id=bought,
    )


def _of_subscription(bare: Message, event: Object) -> Message:
    parsed = subscription(event["data"]["object"], bare.created_at)
    ends = parsed.trial_until
    return replace(
        bare,
        about=parsed.id,
        tenant=parsed.tenant,
        customer_id=parsed.customer,
        subscription_id=parsed.id,
        subscription=parsed,
        note=f"the trial ends at {ends:%Y-%m-%d %H:%M} UTC" if ends else "",
    )


def _of_invoice(bare: Message, event: Object) -> Message:
    parsed = invoice(event["data"]["object"], bare.created_at)
    cycle, whole = opened(event["data"]["object"])
    return replace(
        bare,
        about=parsed.subscription or parsed.customer or bare.id,
        tenant=parsed.tenant,
        customer_id=parsed.customer or None,
        subscription_id=parsed.subscription,
        invoice=parsed,
        opens=cycle,
        shows_all=whole,
    )


def _of_customer(bare: Message, event: Object) -> Message:
    parsed = replace(customer(event["data"]["object"]), deleted=True)
    return replace(
        bare, about=parsed.id, tenant=parsed.tenant, customer_id=parsed.id, customer=parsed
    )


def _of_meter_report(bare: Message, _event: Object) -> Message:
    """Read a meter report: a thin (v2) event, so its errors must be fetched separately."""
    return replace(bare, note=f"usage was not counted: see event {bare.id} at Stripe")


_READERS = {
    Topic.CHECKOUT: _of_checkout,
    Topic.SUBSCRIPTION: _of_subscription,
    Topic.TRIAL_ENDS_SOON: _of_subscription,
    Topic.INVOICE: _of_invoice,
    Topic.CUSTOMER: _of_customer,
    Topic.METER_REPORT: _of_meter_report,
}


def _prices(given: Object, items: list[Object]) -> Iterator[str]:
    """Yield ids of the prices sold; the oldest accounts have plans in their place."""
    for item in items or [given]:
        for key in ("price", "plan"):
            if ident := identifier(item.get(key)):
                yield ident
                break


def _period(given: Object, items: list[Object]) -> tuple[Any, Any]:
    """Return begin and end of the period that ends first, of one item: periods may differ.

    Until API 2025-03-31 it is at the top level.
    """
    dated = [
        (item["current_period_end"], item.get("current_period_start"))
        for item in items
        if item.get("current_period_end")
    ]
    if not dated:
        return given.get("current_period_start"), given.get("current_period_end")
    end, start = min(dated, key=lambda period: (period[0], -(period[1] or 0)))
    return start, end


def _end(given: Object, period_end: Any) -> Any:
    """Return when it ended or is to end; `cancel_at` may be any day, not only a period's last."""
    ends = given.get("ended_at") or given.get("cancel_at")
    return ends or (period_end if given.get("cancel_at_period_end") else None)

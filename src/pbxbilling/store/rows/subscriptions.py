"""Maps subscriptions, customers, invoices, cycles, webhook events and cursors to rows and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Executable, Row, bindparam, update

from pbxbilling.accounts.terms.status import Status
from pbxbilling.kernel.records import Cursor
from pbxbilling.store import schema
from pbxbilling.store.rows.values import Values, from_us, instant, storable, to_us
from pbxbilling.subscriptions.events import EventMoved, EventState, WebhookEvent
from pbxbilling.subscriptions.subscription import BillingCycle, Customer, Invoice, Subscription


def subscription_values(record: Subscription) -> Values:
    """Build the row of a subscription."""
    return {
        "id": record.id,
        "customer": record.customer,
        "tenant": record.tenant,
        "status": record.status.value,
        "status_since": to_us(record.status_since),
        "prices": list(record.prices),
        "created_at": to_us(record.created_at),
        "as_of": to_us(record.as_of),
        "live": record.live,
        "trial_until": to_us(record.trial_until),
        "period_start": to_us(record.period_start),
        "period_end": to_us(record.period_end),
        "cancel_at_period_end": record.cancel_at_period_end,
        "with_setup": record.with_setup,
    }


def subscription_record(row: Row[Any]) -> Subscription:
    """Build a subscription from its row."""
    return Subscription(
        id=row.id,
        customer=row.customer,
        tenant=row.tenant,
        status=Status(row.status),
        status_since=from_us(row.status_since),
        prices=tuple(row.prices),
        created_at=instant(row.created_at),
        as_of=instant(row.as_of),
        live=row.live,
        trial_until=from_us(row.trial_until),
        period_start=from_us(row.period_start),
        period_end=from_us(row.period_end),
        cancel_at_period_end=row.cancel_at_period_end,
        with_setup=row.with_setup,
    )


def customer_values(record: Customer) -> Values:
    """Build the row of a customer."""
    return {
        "id": record.id,
        "tenant": record.tenant,
        "email": storable(record.email),
        "live": record.live,
        "deleted": record.deleted,
    }


def customer_record(row: Row[Any]) -> Customer:
    """Build a customer from its row."""
    return Customer(row.id, row.tenant, row.email, row.live, row.deleted)


def invoice_values(record: Invoice) -> Values:
    """Build the row of an invoice."""
    return {
        "id": record.id,
        "customer": record.customer,
        "subscription": record.subscription,
        "tenant": record.tenant,
        "number": storable(record.number),
        "status": record.status,
        "total": record.total,
        "currency": record.currency,
        "created_at": to_us(record.created_at),
        "as_of": to_us(record.as_of),
        "live": record.live,
        "paid_at": to_us(record.paid_at),
        "page_url": storable(record.page_url),
    }


def invoice_record(row: Row[Any]) -> Invoice:
    """Build an invoice from its row."""
    return Invoice(
        id=row.id,
        customer=row.customer,
        subscription=row.subscription,
        tenant=row.tenant,
        number=row.number,
        status=row.status,
        total=row.total,
        currency=row.currency,
        created_at=instant(row.created_at),
        as_of=instant(row.as_of),
        live=row.live,
        paid_at=from_us(row.paid_at),
        page_url=row.page_url,
    )


def cycle_values(record: BillingCycle) -> Values:
    """Build the row of a billing cycle."""
    return {
        "invoice": record.invoice,
        "tenant": record.tenant,
        "subscription": record.subscription,
        "begins": to_us(record.begins),
        "ends": to_us(record.ends),
    }


def cycle_record(row: Row[Any]) -> BillingCycle:
    """Build a billing cycle from its row."""
    return BillingCycle(
        row.invoice, row.tenant, row.subscription, instant(row.begins), instant(row.ends)
    )


def webhook_event_values(record: WebhookEvent) -> Values:
    """Build the row of a webhook event."""
    return {
        "id": record.id,
        "kind": storable(record.kind),
        "about": storable(record.about),
        "created_at": to_us(record.created_at),
        "received_at": to_us(record.received_at),
        "live": record.live,
        "body": storable(record.body),
        "state": record.state.value,
        "attempts": record.attempts,
        "note": storable(record.note),
    }


def webhook_event_record(row: Row[Any]) -> WebhookEvent:
    """Build a webhook event from its row."""
    return WebhookEvent(
        id=row.id,
        kind=row.kind,
        about=row.about,
        created_at=instant(row.created_at),
        received_at=instant(row.received_at),
        live=row.live,
        body=row.body,
        state=EventState(row.state),
        attempts=row.attempts,
        note=row.note,
    )


def move() -> Executable:
    """Return the UPDATE that moves a webhook event to another state."""
    moved: dict[str, Any] = {
        name: bindparam(f"to_{name}") for name in ("state", "attempts", "note")
    }
    return (
        update(schema.webhook_event)
        .where(schema.webhook_event.c.id == bindparam("letter_id"))
        .values(moved)
    )


def moved_values(record: EventMoved) -> Values:
    """Build the parameters of `move`; `to_…`, as SET already uses a column's own name."""
    return {
        "letter_id": record.id,
        "to_state": record.state.value,
        "to_attempts": record.attempts,
        "to_note": storable(record.note),
    }


def cursor_values(record: Cursor) -> Values:
    """Build the row of a cursor."""
    return {"name": record.name, "at": to_us(record.at)}

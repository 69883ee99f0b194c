"""Maps subscriptions, customers, invoices, cycles, webhook events and cursors to rows and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Executable, bindparam, update

from pbxbilling.accounts.terms.status import Status
from pbxbilling.kernel.records import Cursor
from pbxbilling.store import schema
from pbxbilling.store.rows.row_mapper import Mapped, RowMapper, instants, same, texts, word
from pbxbilling.store.rows.values import Values, storable
from pbxbilling.subscriptions.events import EventMoved, EventState, WebhookEvent
from pbxbilling.subscriptions.subscription import BillingCycle, Customer, Invoice, Subscription

SUBSCRIPTION = RowMapper(
    Subscription,
    *same("id", "customer", "tenant", "live", "cancel_at_period_end", "with_setup"),
    word("status", Status),
    Mapped("prices", list, tuple),
    *instants("status_since", "created_at", "as_of", "trial_until", "period_start", "period_end"),
)

CUSTOMER = RowMapper(Customer, *same("id", "tenant", "live", "deleted"), *texts("email"))

INVOICE = RowMapper(
    Invoice,
    *same("id", "customer", "subscription", "tenant", "status", "total", "currency", "live"),
    *texts("number", "page_url"),
    *instants("created_at", "as_of", "paid_at"),
)

BILLING_CYCLE = RowMapper(
    BillingCycle, *same("invoice", "tenant", "subscription"), *instants("begins", "ends")
)

WEBHOOK_EVENT = RowMapper(
    WebhookEvent,
    *same("id", "live", "attempts"),
    *texts("kind", "about", "body", "note"),
    *instants("created_at", "received_at"),
    word("state", EventState),
)

CURSOR = RowMapper(Cursor, *same("name"), *instants("at"))


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

"""Maps subscriptions, customers, invoices, cycles, webhook events and cursors to rows and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Executable, bindparam, update

from pbxbilling.accounts.terms.status import Status
from pbxbilling.kernel.records import Cursor
from pbxbilling.runtime.flat import Codec, word
from pbxbilling.store import schema
from pbxbilling.store.rows.table_rows import TableRows
from pbxbilling.store.rows.values import INSTANT, INSTANT_OR_NONE, TEXT, Values, storable
from pbxbilling.subscriptions.events import EventMoved, EventState, WebhookEvent
from pbxbilling.subscriptions.subscription import BillingCycle, Customer, Invoice, Subscription

SUBSCRIPTION = TableRows(
    Subscription,
    schema.subscription,
    {
        "status": word(Status),
        "status_since": INSTANT_OR_NONE,
        "prices": Codec(list, tuple),
        "created_at": INSTANT,
        "as_of": INSTANT,
        "trial_until": INSTANT_OR_NONE,
        "period_start": INSTANT_OR_NONE,
        "period_end": INSTANT_OR_NONE,
        "anchored_at": INSTANT_OR_NONE,
        "ends_at": INSTANT_OR_NONE,
    },
)
CUSTOMER = TableRows(Customer, schema.customer, {"email": TEXT})
INVOICE = TableRows(
    Invoice,
    schema.invoice,
    {
        "number": TEXT,
        "created_at": INSTANT,
        "as_of": INSTANT,
        "paid_at": INSTANT_OR_NONE,
        "page_url": TEXT,
    },
)
CYCLE = TableRows(BillingCycle, schema.billing_cycle, {"begins": INSTANT, "ends": INSTANT})
WEBHOOK_EVENT = TableRows(
    WebhookEvent,
    schema.webhook_event,
    {
        "kind": TEXT,
        "about": TEXT,
        "created_at": INSTANT,
        "received_at": INSTANT,
        "body": TEXT,
        "state": word(EventState),
        "note": TEXT,
    },
)
CURSOR = TableRows(Cursor, schema.cursor, {"at": INSTANT})


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

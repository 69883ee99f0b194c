"""Defines the tables of state and webhook events from a payment gateway, and of cursors."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table

from pbxbilling.store.schema.base import Object, Text, metadata, partial_index, spelled
from pbxbilling.subscriptions.events import UNFINISHED

subscription = Table(
    "subscription",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("tenant", Text),
    Column("status", Text, nullable=False),
    Column("status_since", BigInteger),
    Column("prices", Object, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("trial_until", BigInteger),
    Column("period_start", BigInteger),
    Column("period_end", BigInteger),
    Column("cancel_at_period_end", Boolean, nullable=False),
    Column("with_setup", Boolean, nullable=False),
    Column("anchored_at", BigInteger),
    Column("ends_at", BigInteger),
    sqlite_with_rowid=False,
)

customer = Table(
    "customer",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text),
    Column("email", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

invoice = Table(
    "invoice",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("subscription", Text),
    Column("tenant", Text),
    Column("number", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("paid_at", BigInteger),
    Column("page_url", Text, nullable=False),
    sqlite_with_rowid=False,
)

billing_cycle = Table(
    "billing_cycle",
    metadata,
    Column("invoice", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("subscription", Text, nullable=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

webhook_event = Table(
    "letter",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_with_rowid=False,
)

cursor = Table(
    "cursor",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

EVENT_UNFINISHED = webhook_event.c.state.in_(map(spelled, sorted(UNFINISHED)))

Index("ix_subscription_tenant", subscription.c.tenant)
Index("ix_invoice_tenant", invoice.c.tenant, invoice.c.created_at)
Index("ix_billing_cycle_tenant", billing_cycle.c.tenant, billing_cycle.c.begins)
Index("ix_letter_received", webhook_event.c.received_at)
partial_index("ix_letter_unfinished", EVENT_UNFINISHED, webhook_event.c.received_at)

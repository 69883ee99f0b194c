"""Defines the tables of state and webhook events from a payment gateway, and of cursors."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table

from pbxbilling.store.schema.base import Object, metadata, partial_index, spelled
from pbxbilling.subscriptions.events import UNFINISHED

subscription = Table(
    "subscription",
    metadata,
    Column("id", String, primary_key=True),
    Column("customer", String, nullable=False),
    Column("tenant", String),
    Column("status", String, nullable=False),
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
    Column("id", String, primary_key=True),
    Column("tenant", String),
    Column("email", String, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

invoice = Table(
    "invoice",
    metadata,
    Column("id", String, primary_key=True),
    Column("customer", String, nullable=False),
    Column("subscription", String),
    Column("tenant", String),
    Column("number", String, nullable=False),
    Column("status", String, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("paid_at", BigInteger),
    Column("page_url", String, nullable=False),
    sqlite_with_rowid=False,
)

billing_cycle = Table(
    "billing_cycle",
    metadata,
    Column("invoice", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("subscription", String, nullable=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

webhook_event = Table(
    "letter",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("about", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("body", String, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("note", String, nullable=False),
    sqlite_with_rowid=False,
)

cursor = Table(
    "cursor",
    metadata,
    Column("name", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

EVENT_UNFINISHED = webhook_event.c.state.in_(map(spelled, sorted(UNFINISHED)))

Index("ix_subscription_tenant", subscription.c.tenant)
Index("ix_invoice_tenant", invoice.c.tenant, invoice.c.created_at)
Index("ix_billing_cycle_tenant", billing_cycle.c.tenant, billing_cycle.c.begins)
Index("ix_letter_received", webhook_event.c.received_at)
partial_index("ix_letter_unfinished", EVENT_UNFINISHED, webhook_event.c.received_at)

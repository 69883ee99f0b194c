"""Defines the tables of plans, tenants, key origins and the audit trail."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table

from pbxbilling.accounts.key_origin import SetBy
from pbxbilling.store.schema.base import Object, RowNumber, metadata, partial_index, spelled

plan = Table(
    "plan",
    metadata,
    Column("slug", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("limits", Object, nullable=False),
    Column("count_internal", Boolean, nullable=False),
    Column("included_minutes", BigInteger),
    Column("included_directions", Object, nullable=False),
    Column("overage", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("prices", Object, nullable=False),
    Column("setup_fee", BigInteger, nullable=False),
    Column("overage_per_minute_micros", BigInteger, nullable=False),
    Column("price_per_call_micros", BigInteger, nullable=False),
    Column("billing_increment", String, nullable=False),
    Column("tax_rate_bp", Integer, nullable=False),
    Column("destinations", Object, nullable=False),
    Column("meters", Object, nullable=False),
    Column("features", Object, nullable=False),
    Column("stripe_prices", Object, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("recommended", Boolean, nullable=False),
    Column("sort_order", Integer, nullable=False),
)

tenant = Table(
    "tenant",
    metadata,
    Column("slug", String, primary_key=True),
    Column("plan", String, nullable=False),
    Column("name", String, nullable=False),
    Column("email", String, nullable=False),
    Column("address", String, nullable=False),
    Column("contacts", Object, nullable=False),
    Column("vat_id", String, nullable=False),
    Column("tax_exempt", Boolean, nullable=False),
    Column("status", String, nullable=False),
    Column("status_since", BigInteger),
    Column("blocks", Object, nullable=False),
    Column("trial_until", BigInteger),
    Column("mode", String),
    Column("limits", Object, nullable=False),
    Column("accountcodes", Object, nullable=False),
    Column("dids", Object, nullable=False),
    Column("contexts", Object, nullable=False),
    Column("timezone", String, nullable=False),
    Column("anchor_day", Integer, nullable=False),
    Column("demo", Boolean, nullable=False),
    Column("extensions", Integer, nullable=False),
    Column("customer", String),
    Column("subscription", String),
    Column("renews_at", BigInteger),
    Column("setup_paid_at", BigInteger),
    Column("charges", String, nullable=False),
    Column("charges_before", String, nullable=False),
    Column("charges_since", BigInteger),
)

key_origin = Table(
    "key_origin",
    metadata,
    Column("kind", String, primary_key=True),
    Column("slug", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("by", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

KEY_NOT_BY_FILE = key_origin.c.by != spelled(SetBy.FILE)
partial_index("ix_key_origin_not_by_file", KEY_NOT_BY_FILE, key_origin.c.slug)

audit = Table(
    "audit",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("before", Object),
    Column("after", Object),
)

Index("ix_audit_at", audit.c.at)
Index("ix_audit_subject_at", audit.c.subject, audit.c.at)

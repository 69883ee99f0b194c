"""Defines the tables of plans, tenants, what they were, key origins and the audit trail."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from pbxbilling.accounts.key_origin import SetBy
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.audit import ActorType
from pbxbilling.store.schema.base import Object, RowNumber, Text, metadata, partial_index, spelled
from pbxbilling.store.schema.kinds import columns_of

plan = Table("plan", metadata, *columns_of(Plan))

tenant = Table("tenant", metadata, *columns_of(Tenant))

account_version = Table(
    "account_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("version", BigInteger, nullable=False),
)
key_origin = Table(
    "key_origin",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("slug", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

KEY_NOT_BY_FILE = key_origin.c.by != spelled(SetBy.FILE)
partial_index("ix_key_origin_not_by_file", KEY_NOT_BY_FILE, key_origin.c.slug)

terms_change = Table(
    "terms_change",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("before", Object, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Object),
    Column("after", Object),
    Column("event", Text),
    Column("tenant", Text),
    Column("actor_type", Text, nullable=False, server_default=ActorType.COMMAND.value),
    Column("actor_id", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("request", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
)

Index("ix_terms_change", terms_change.c.kind, terms_change.c.slug, terms_change.c.at)
Index("ix_audit_at", audit.c.at)
Index("ix_audit_tenant", audit.c.tenant, audit.c.id)
Index("ix_audit_event", audit.c.event, audit.c.id)
Index("ix_audit_subject_at", audit.c.subject, audit.c.at)

"""Defines the tables of statements, their legs and other lines, and invoice runs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table

from pbxbilling.store.schema.base import Object, metadata

statement = Table(
    "statement",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("month", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("net", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("document", Object, nullable=False),
)

statement_leg = Table(
    "statement_leg",
    metadata,
    Column("pbx", String, primary_key=True),
    Column("uniqueid", String, primary_key=True),
    Column("month", String, primary_key=True),
    Column("of_month", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("number", String, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("talk_us", BigInteger, nullable=False),
    Column("billed_s", BigInteger, nullable=False),
    Column("included_s", BigInteger, nullable=False),
    Column("charged_s", BigInteger, nullable=False),
    Column("rate_micros", BigInteger, nullable=False),
    Column("line", String, nullable=False),
    Column("fee_micros", BigInteger, nullable=False),
    Column("fee_line", String, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("over_limit", Boolean, nullable=False),
    Column("emergency", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

one_off = Table(
    "one_off",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("month", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("used_in", String),
    sqlite_with_rowid=False,
)

plan_switch = Table(
    "plan_switch",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("before", String, nullable=False),
    Column("after", String, nullable=False),
    sqlite_with_rowid=False,
)

generic_usage = Table(
    "generic_usage",
    metadata,
    Column("reference", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("meter", String, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

invoice_run = Table(
    "invoice_run",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("month", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("invoice", String, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("note", String, nullable=False),
    sqlite_with_rowid=False,
)

Index("ix_statement_month", statement.c.month)
Index("ix_statement_leg_month", statement_leg.c.tenant, statement_leg.c.month)
Index("ix_statement_leg_of_month", statement_leg.c.tenant, statement_leg.c.of_month)
Index("ix_generic_usage_tenant", generic_usage.c.tenant, generic_usage.c.at)

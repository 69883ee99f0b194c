"""Defines the tables of statements, their legs and other lines, and invoice runs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table

from pbxbilling.store.schema.base import Object, Text, metadata

statement = Table(
    "statement",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("month", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("net", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("document", Object, nullable=False),
)

statement_leg = Table(
    "statement_leg",
    metadata,
    Column("pbx", Text, primary_key=True),
    Column("uniqueid", Text, primary_key=True),
    Column("month", Text, primary_key=True),
    Column("of_month", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("talk_us", BigInteger, nullable=False),
    Column("billed_s", BigInteger, nullable=False),
    Column("included_s", BigInteger, nullable=False),
    Column("charged_s", BigInteger, nullable=False),
    Column("rate_micros", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
    Column("fee_micros", BigInteger, nullable=False),
    Column("fee_line", Text, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("over_limit", Boolean, nullable=False),
    Column("emergency", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

one_off = Table(
    "one_off",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("month", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("used_in", Text),
    sqlite_with_rowid=False,
)

plan_switch = Table(
    "plan_switch",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    sqlite_with_rowid=False,
)

generic_usage = Table(
    "generic_usage",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("meter", Text, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

invoice_run = Table(
    "invoice_run",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("month", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("invoice", Text, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_with_rowid=False,
)

Index("ix_statement_month", statement.c.month)
Index("ix_statement_leg_ended", statement_leg.c.tenant, statement_leg.c.ended_at)
Index("ix_statement_leg_month", statement_leg.c.tenant, statement_leg.c.month)
Index("ix_statement_leg_of_month", statement_leg.c.tenant, statement_leg.c.of_month)
Index("ix_generic_usage_tenant", generic_usage.c.tenant, generic_usage.c.at)

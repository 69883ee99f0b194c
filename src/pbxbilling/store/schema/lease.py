"""Defines the table that says who has a database of several machines."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table

from pbxbilling.store.schema.base import Text, metadata

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("node", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_lease_epoch", lease.c.name, lease.c.epoch, unique=True)

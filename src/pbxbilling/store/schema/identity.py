"""Defines the tables of who acts through the API."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table

from pbxbilling.store.schema.base import Object, Text, metadata

token = Table(
    "token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("scopes", Object, nullable=False),
    Column("tenant", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    sqlite_with_rowid=False,
)
Index("ix_token_created_at", token.c.created_at)

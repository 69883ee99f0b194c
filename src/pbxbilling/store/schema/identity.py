"""Defines the tables of who acts through the API.

They hold digests of secrets, and no secret.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table

from pbxbilling.store.schema.base import Object, Text, metadata

# Few rows, whatever the site: programs, not people. A revoked one stays, for the audit trail names
# it, and its id must not be given again.
token = Table(
    "token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("scopes", Object, nullable=False),
    Column("tenant", Text),
    Column("networks", Object, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    sqlite_with_rowid=False,
)
Index("ix_token_created_at", token.c.created_at)  # the list
Index("ix_token_expires_at", token.c.expires_at)  # the daily look for those that end soon

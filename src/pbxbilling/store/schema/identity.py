"""Defines the tables of who acts through the API.

Passwords and tokens are not in them, only what they are compared with; the secret of a second
factor is.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Table

from pbxbilling.store.schema.base import Object, Text, metadata

user = Table(
    "user_account",  # "user" is a word of PostgreSQL's
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("tenant", Text),
    Column("password", Text, nullable=False),
    Column("password_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("totp", Text, nullable=False),
    Column("totp_step", BigInteger, nullable=False),
    Column("recovery", Object, nullable=False),
    Column("disabled_at", BigInteger),
    sqlite_with_rowid=False,
)
Index("ix_user_account_email", user.c.email, unique=True)

custom_role = Table(
    "custom_role",
    metadata,
    Column("name", Text, primary_key=True),
    Column("permissions", Object, nullable=False),
    Column("of_tenants", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    sqlite_with_rowid=False,
)

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

kept_answer = Table(
    "kept_answer",
    metadata,
    Column("who", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_kept_answer_at", kept_answer.c.at)

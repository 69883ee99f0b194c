"""Tokens of programs: what they may, and the digest of what they show."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "token",
        sa.Column("id", Text, primary_key=True),
        sa.Column("name", Text, nullable=False),
        sa.Column("digest", Text, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("tenant", Text),
        sa.Column("networks", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_token_created_at", "token", ["created_at"])
    op.create_index("ix_token_expires_at", "token", ["expires_at"])

"""Who acts through the API: users, roles that a site makes, tokens of programs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "user_account",
        sa.Column("id", Text, primary_key=True),
        sa.Column("email", Text, nullable=False),
        sa.Column("role", Text, nullable=False),
        sa.Column("tenant", Text),
        sa.Column("password", Text, nullable=False),
        sa.Column("password_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", Text, nullable=False),
        sa.Column("totp", Text, nullable=False),
        sa.Column("totp_step", sa.BigInteger, nullable=False),
        sa.Column("recovery", sa.JSON, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_user_account_email", "user_account", ["email"], unique=True)
    op.create_table(
        "custom_role",
        sa.Column("name", Text, primary_key=True),
        sa.Column("permissions", sa.JSON, nullable=False),
        sa.Column("of_tenants", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", Text, nullable=False),
        sqlite_with_rowid=False,
    )
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

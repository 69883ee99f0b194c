"""Answers to requests that programs may send again, by their own keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "kept_answer",
        sa.Column("who", Text, primary_key=True),
        sa.Column("key", Text, primary_key=True),
        sa.Column("digest", Text, nullable=False),
        sa.Column("answer", Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_kept_answer_at", "kept_answer", ["at"])

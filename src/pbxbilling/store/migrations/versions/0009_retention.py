"""What a purge needs: indexes that find what is old, and the usage of legs that are gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table and the indexes."""
    op.create_table(
        "purged_usage",
        *(sa.Column(key, sa.String, primary_key=True) for key in ("tenant", "month", "direction")),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("calls", "talk_us", "billed_s", "allowance_s")
        ),
        sqlite_with_rowid=False,
    )
    _index_ended("call", "ended_at IS NOT NULL")
    _index_ended("leg", "ended_at IS NOT NULL AND (tenant IS NOT NULL OR answered_at IS NULL)")
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_letter_received", "letter", ["received_at"])


def _index_ended(table: str, where: str) -> None:
    ended = sa.text(where)
    op.create_index(
        f"ix_{table}_ended", table, ["ended_at"], sqlite_where=ended, postgresql_where=ended
    )

"""Answers and ends that nobody saw: which they are, and what is proven of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_ESTIMATED = (
    "answered_at IS NOT NULL AND ended_at IS NOT NULL"
    " AND (witness IN ('estimated', 'unlisted') OR answer_guessed)"
)


def upgrade() -> None:
    """Add the columns; so far a leg whose answer nobody saw counted from its very beginning."""
    with op.batch_alter_table("leg") as leg:
        leg.add_column(
            sa.Column("answer_guessed", sa.Boolean, nullable=False, server_default=sa.false())
        )
        leg.add_column(sa.Column("gone_by", sa.BigInteger))
    with op.batch_alter_table("pbx_mark") as mark:
        mark.add_column(sa.Column("lived_at", sa.BigInteger))
    op.execute("UPDATE leg SET answer_guessed = true WHERE answered_at = started_at")
    op.execute("UPDATE pbx_mark SET lived_at = heard_at")
    estimated = sa.text(_ESTIMATED)
    op.create_index(
        "ix_leg_estimated", "leg", ["ended_at"], sqlite_where=estimated, postgresql_where=estimated
    )

"""Usage that is no call, and its prices on plans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the table, and the column: no plan has such prices."""
    with op.batch_alter_table("plan") as plan:
        plan.add_column(
            sa.Column("meters", sa.JSON(none_as_null=True), nullable=False, server_default="[]")
        )
    op.create_table(
        "generic_usage",
        sa.Column("reference", sa.String, primary_key=True),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("meter", sa.String, nullable=False),
        sa.Column("units", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_generic_usage_tenant", "generic_usage", ["tenant", "at"])

"""A plan's tax rate, and its rates by destination."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns: no tax, no such rates."""
    with op.batch_alter_table("plan") as plan:
        plan.add_column(sa.Column("tax_rate_bp", sa.Integer, nullable=False, server_default="0"))
        plan.add_column(
            sa.Column(
                "destinations", sa.JSON(none_as_null=True), nullable=False, server_default="[]"
            )
        )

"""The day that a subscription's cycles begin on, and when it ends; unknown until it is fetched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add both columns to the mirrors of subscriptions."""
    with op.batch_alter_table("subscription") as table:
        table.add_column(sa.Column("anchored_at", sa.BigInteger))
        table.add_column(sa.Column("ends_at", sa.BigInteger))

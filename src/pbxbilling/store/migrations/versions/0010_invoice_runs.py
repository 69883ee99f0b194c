"""What became of invoices of usage at the payment gateway."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "invoice_run",
        sa.Column("tenant", sa.String, primary_key=True),
        sa.Column("month", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("invoice", sa.String, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )

"""The outbox of usage that the payment gateway's meter charges."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the table: legs that ended before are nobody's to send."""
    op.create_table(
        "meter_event",
        sa.Column("leg", sa.String, primary_key=True),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("month", sa.String, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.Column("minutes", sa.BigInteger, nullable=False),
        sa.Column("ledger_minutes", sa.BigInteger, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("tried_at", sa.BigInteger),
        sa.Column("customer", sa.String),
        sa.Column("note", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    due = "state IN ('sending', 'waiting')"
    differs = "state = 'sent' AND minutes != ledger_minutes AND note = ''"
    for name, where, *columns in (
        ("ix_meter_event_due", due, "ended_at", "leg"),
        ("ix_meter_event_unsent", "state != 'sent'", "state", "tenant"),
        ("ix_meter_event_differs", differs, "leg"),
    ):
        condition = sa.text(where)
        op.create_index(
            name, "meter_event", columns, sqlite_where=condition, postgresql_where=condition
        )
    op.create_index("ix_meter_event_customer", "meter_event", ["customer", "ended_at"])
    op.create_index("ix_meter_event_month", "meter_event", ["tenant", "month"])

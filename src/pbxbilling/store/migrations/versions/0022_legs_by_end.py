"""A tenant's legs, and their copies on statements, by their ends: lists of them come in pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_USED = sa.text("answered_at IS NOT NULL AND month IS NOT NULL")


def upgrade() -> None:
    """Create the indexes."""
    columns = ["tenant", "ended_at"]
    op.create_index("ix_leg_of_tenant", "leg", columns, sqlite_where=_USED, postgresql_where=_USED)
    op.create_index("ix_statement_leg_ended", "statement_leg", columns)

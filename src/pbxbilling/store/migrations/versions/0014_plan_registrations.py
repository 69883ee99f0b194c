"""How many phones of a plan's tenant may be registered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the column: unlimited."""
    with op.batch_alter_table("plan") as plan:
        plan.add_column(sa.Column("max_registrations", sa.BigInteger))

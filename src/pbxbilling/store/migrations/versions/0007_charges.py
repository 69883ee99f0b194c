"""How a tenant's usage is charged at the payment gateway."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns: nobody's is charged there."""
    with op.batch_alter_table("tenant") as tenant:
        for name in ("charges", "charges_before"):
            tenant.add_column(sa.Column(name, sa.String, nullable=False, server_default="none"))
        tenant.add_column(sa.Column("charges_since", sa.BigInteger))

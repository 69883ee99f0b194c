"""Who a tenant is to a payment gateway, since when its status holds, its billing day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; a suspended tenant becomes a blocked one."""
    with op.batch_alter_table("tenant") as tenant:
        for name in ("address", "vat_id"):
            tenant.add_column(sa.Column(name, sa.String, nullable=False, server_default=""))
        tenant.add_column(
            sa.Column("contacts", sa.JSON(none_as_null=True), nullable=False, server_default="[]")
        )
        tenant.add_column(
            sa.Column("tax_exempt", sa.Boolean, nullable=False, server_default=sa.false())
        )
        tenant.add_column(sa.Column("status_since", sa.BigInteger))
        tenant.add_column(sa.Column("anchor_day", sa.Integer, nullable=False, server_default="1"))
        tenant.add_column(sa.Column("customer", sa.String))
        tenant.add_column(sa.Column("setup_paid_at", sa.BigInteger))
    op.execute(
        """UPDATE tenant SET status = 'active', blocks = '["operator"]'"""
        """ WHERE status = 'suspended'"""
    )

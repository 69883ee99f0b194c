"""What plans and tenants were before a change, and since when a tenant is here.

There are no rows yet: what was in force before this release is taken to be what is in force now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the table, and the column, which is empty for tenants that are here already."""
    op.create_table(
        "terms_change",
        sa.Column("id", _ROW_NUMBER, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=False),
    )
    op.create_index("ix_terms_change", "terms_change", ["kind", "slug", "at"])
    with op.batch_alter_table("tenant") as tenant:
        tenant.add_column(sa.Column("added_at", sa.BigInteger))

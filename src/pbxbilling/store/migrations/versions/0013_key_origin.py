"""Who set a key of a plan or tenant last. There are no rows yet: so far the file set them all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the table, and the index of what another than the file set."""
    op.create_table(
        "key_origin",
        *(sa.Column(key, sa.String, primary_key=True) for key in ("kind", "slug", "key")),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    others = sa.text("\"by\" != 'file'")
    op.create_index(
        "ix_key_origin_not_by_file",
        "key_origin",
        ["slug"],
        sqlite_where=others,
        postgresql_where=others,
    )

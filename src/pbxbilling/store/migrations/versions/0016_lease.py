"""Who has the database: a row that a daemon renews. On PostgreSQL, text is ordered by its bytes.

A file has a lock beside it instead. A server's database may be in any language, whose order of text
changes with the library that knows it, and indexes with it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Create the table; there is no other database of PostgreSQL than a new one."""
    op.create_table(
        "lease",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("node", sa.String, nullable=False),
        sa.Column("process", sa.String, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    # A change of a key waits for those who only look at the row, and a change of its other columns
    # does not: a claim takes another epoch, a renewal keeps it.
    op.create_index("ix_lease_epoch", "lease", ["name", "epoch"], unique=True)
    if op.get_bind().dialect.name == "postgresql":
        _order_by_bytes()


def _order_by_bytes() -> None:
    connection = op.get_bind()
    columns = connection.execute(
        sa.text(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND data_type = 'character varying'"
            " AND table_name <> 'alembic_version' ORDER BY 1, 2"
        )
    ).all()
    tables: dict[str, list[str]] = {}
    for table, column in columns:
        tables.setdefault(table, []).append(f'ALTER "{column}" TYPE varchar COLLATE "C"')
    for table, changes in tables.items():
        op.execute(f'ALTER TABLE "{table}" {", ".join(changes)}')

"""Defines what writers of a server's database need: who may write, and what was committed.

Neither table has a use in a file.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table

from pbxbilling.store.schema.base import Text, metadata

# store/database/postgres/lease.py
lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("node", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_lease_epoch", lease.c.name, lease.c.epoch, unique=True)

# store/database/postgres/commit_numbers.py
commit_number = Table(
    "commit_number",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
)

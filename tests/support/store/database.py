"""A daemon's database, read from disk while the daemon runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from sqlite3 import Row, connect


def rows(database: Path, query: str, *values: str) -> Sequence[Row]:
    """Return the rows of a query, on a connection that cannot write."""
    with closing(connect(f"file:{database}?mode=ro", uri=True)) as opened:
        opened.row_factory = Row
        return opened.execute(query, values).fetchall()

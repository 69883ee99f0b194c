"""A daemon's database as it stands on disk, read beside the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from sqlite3 import Row, connect


def rows(database: Path, query: str, *values: str) -> Sequence[Row]:
    """What a query gives; nothing can be written by it."""
    with closing(connect(f"file:{database}?mode=ro", uri=True)) as opened:
        opened.row_factory = Row
        return opened.execute(query, values).fetchall()

"""A daemon's database: made before it starts, read from disk while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from sqlite3 import Row, connect
from tempfile import TemporaryDirectory

from pbxbilling.store.database.migrate import migrate


def create(database: Path) -> None:
    """Create an empty database with the schema of today, unless the file is there.

    It is a copy: the migrations of each would take a third of a second of a processor.
    """
    if not database.exists():
        database.write_bytes(_empty())


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        database = Path(folder, "empty.db")
        migrate(database)
        return database.read_bytes()


def rows(database: Path, query: str, *values: str) -> Sequence[Row]:
    """Return the rows of a query, on a connection that cannot write."""
    with closing(connect(f"file:{database}?mode=ro", uri=True)) as opened:
        opened.row_factory = Row
        return opened.execute(query, values).fetchall()

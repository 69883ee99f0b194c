"""A daemon's database: made before it starts, read from disk while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from sqlite3 import Row, connect
from tempfile import TemporaryDirectory
from typing import Any

from pbxbilling.config.settings import Settings
from pbxbilling.runtime.database_url import DatabaseUrl, PostgresUrl, SqliteUrl
from pbxbilling.store.database.sqlite.migrate import migrate
from tests.support.store import postgres

MAKES = ("sqlite", "postgresql")


@contextmanager
def database_of(make: str, folder: Path, name: str = "test.db") -> Iterator[DatabaseUrl]:
    """Give a database of one of `MAKES` with the schema of today: a file, or one of a server."""
    if make == "sqlite":
        place = SqliteUrl(folder / name)
        create(place)
        yield place
    else:
        with postgres.emptied_database() as url:
            yield url


def dump(place: DatabaseUrl) -> list[str]:
    """Return all rows as text, JSON as it is stored, in the order of their keys."""
    if isinstance(place, PostgresUrl):
        return postgres.dump(place)
    with closing(connect(place.path)) as opened:
        return list(opened.iterdump())


def create(database: Path | DatabaseUrl) -> None:
    """Create an empty database with the schema of today, unless it is there.

    It is a copy: the migrations of each would take a third of a second of a processor.
    """
    if isinstance(database, SqliteUrl):
        database = database.path
    if isinstance(database, Path) and not database.exists():
        database.write_bytes(_empty())


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        database = Path(folder, "empty.db")
        migrate(database)
        return database.read_bytes()


def sqlite_path(settings: Settings) -> Path:
    """Return the file of a configuration's database."""
    place = settings.database.place
    assert isinstance(place, SqliteUrl)
    return place.path


def rows(
    database: Path | DatabaseUrl, query: str, *values: str
) -> Sequence[Row] | Sequence[dict[str, Any]]:
    """Return the rows of a query, on a connection that cannot write; by the names of columns."""
    if isinstance(database, PostgresUrl):
        return postgres.rows(database, query, *values)
    if isinstance(database, SqliteUrl):
        database = database.path
    with closing(connect(f"file:{database}?mode=ro", uri=True)) as opened:
        opened.row_factory = Row
        return opened.execute(query, values).fetchall()

"""Finds the database behind a url.

The driver of the other make is not imported: a command starts quicker, and an installation without
PostgreSQL's driver works with a file.
"""

from __future__ import annotations

from typing import TypeGuard

from pbxbilling.runtime.database_url import DatabaseUrl, SqliteUrl, parse_database_url
from pbxbilling.store.database.database import Database


def database_at(url: DatabaseUrl | str) -> Database:
    """Return the database of a url, without opening it.

    Raises ValueError for a text that is no such url.
    """
    place = parse_database_url(url) if isinstance(url, str) else url

    if isinstance(place, SqliteUrl):
        from pbxbilling.store.database.sqlite.file import SqliteFile

        return SqliteFile(place.path)

    from pbxbilling.store.database.postgres.server import PostgresDatabase

    return PostgresDatabase(place)


def is_missing_file(place: DatabaseUrl) -> TypeGuard[SqliteUrl]:
    """Return whether it is a file that is not there yet: the daemon must create and own it."""
    return isinstance(place, SqliteUrl) and not place.path.exists()

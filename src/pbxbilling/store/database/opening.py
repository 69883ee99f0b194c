"""Finds the database behind a url."""

from __future__ import annotations

from pbxbilling.runtime.database_url import DatabaseUrl, SqliteUrl, parse_database_url
from pbxbilling.store.database.database import Database


def database_at(url: DatabaseUrl | str) -> Database:
    """Return the database of a url, without opening it.

    The driver of the other make is not imported: a command starts quicker.
    """
    found = parse_database_url(url) if isinstance(url, str) else url
    if isinstance(found, SqliteUrl):
        from pbxbilling.store.database.sqlite.file import SqliteFile

        return SqliteFile(found.path)
    from pbxbilling.store.database.postgres.server import PostgresDatabase

    return PostgresDatabase(found)

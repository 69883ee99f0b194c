"""Marks a database that a copy fills: until the copy is complete, nobody opens it.

The mark takes the place of the schema's revision, and the tables come in the same transaction: a
copy that ends at any moment leaves no tables, or the mark.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, select, update

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.revisions import (
    UNFINISHED,
    VERSION,
    shipped,
    upgrade,
    written_revision,
)
from pbxbilling.store.schema import lease, metadata

_ANOTHER = "name a new one: a file that does not exist, or what `createdb` makes"


def copied_tables() -> list[Table]:
    """Return the tables that a copy has: all but who holds a database."""
    return [table for table in metadata.sorted_tables if table is not lease]


def begin_copy(connection: Connection, name: str) -> bool:
    """Mark an empty database in the connection's transaction; make its tables if it has none.

    Return whether it had the mark: then its rows are left from an earlier copy. Raises StoreError
    where the database holds anything else.
    """
    found, own = written_revision(connection, name), shipped()[-1]
    if found == UNFINISHED + own:
        return True
    if found is None:
        upgrade(connection)
    else:
        _check_empty(connection, name, found, own)
    connection.execute(update(VERSION).values(version_num=UNFINISHED + own))
    return False


def finish_copy(connection: Connection) -> None:
    """Take the mark off, in the connection's transaction."""
    connection.execute(update(VERSION).values(version_num=shipped()[-1]))


def _check_empty(connection: Connection, name: str, found: str, own: str) -> None:
    if found != own:
        left = "a copy that was not finished, of schema" if UNFINISHED in found else "schema"
        msg = (
            f"database {name} cannot take a copy: it has {left} {found.removeprefix(UNFINISHED)},"
            f" and this program has {own}: {_ANOTHER}"
        )
        raise StoreError(msg)
    for table in copied_tables():
        if connection.execute(select(table).limit(1)).first() is not None:
            msg = (
                f"database {name} cannot take a copy: it is not empty, its table {table.name} has"
                f" rows: {_ANOTHER}"
            )
            raise StoreError(msg)

"""Makes a consistent copy of a database file that may be in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.new_file import new_file
from pbxbilling.store.database.sqlite.faults import check_exists, store_error


def copy_database(
    source: Path, target: Path, *, replace: bool = False, beside_database: bool = False
) -> None:
    """Copy by SQLite's backup API; `target` appears once the copy is complete, sound and on disk.

    The caller owns the copy; with `beside_database` the owner of the folder does.
    Raises `StoreError` as `new_file` does, and where the source cannot be copied or is damaged.
    """
    check_exists(source)
    with new_file(target, replace=replace, beside_database=beside_database) as partial:
        _copy(source, partial)


def _copy(source: Path, target: Path) -> None:
    """Copy in one step, so that writes of other processes never make the backup restart."""
    try:
        with closing(sqlite3.connect(target)) as copy:
            with closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
            ) as live:
                live.backup(copy)
            # Keep the copy in one file: a log beside it would be left behind when it is moved.
            copy.execute("PRAGMA journal_mode=DELETE")
            (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        fault = store_error(source, error)
        raise StoreError(f"copy of {source} was not made: {fault}") from error
    if found != "ok":
        raise StoreError(f"copy of {source} was not made: the database is damaged [{found}]")

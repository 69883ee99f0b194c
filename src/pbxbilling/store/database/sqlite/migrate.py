"""Migrates the schema of a database file to this program's, after copying the file."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from pbxbilling.store.database.revisions import (
    MIGRATIONS,
    check_known,
    revision_of,
    shipped,
    upgrade,
)
from pbxbilling.store.database.sqlite.backup import copy_database
from pbxbilling.store.database.sqlite.engine import migration_engine
from pbxbilling.store.database.sqlite.faults import check_folder
from pbxbilling.store.database.sqlite.owner import let_group_read, prepare_database


def migrate(path: Path, migrations: Path = MIGRATIONS) -> None:
    """Create the database or migrate it to the newest revision, in one transaction.

    Before a change the file is copied to `NAME.before-REV.bak`, where REV is the new revision.
    Afterwards the folder's group may read it.
    Raises `StoreError` for an unusable file and for a schema newer than the program's, and
    SQLite's own errors.
    """
    check_folder(path)
    prepare_database(path)
    engine = migration_engine(path)
    try:
        _bring_up(engine, path, migrations)
    finally:
        engine.dispose()
    let_group_read(path)


def revisions(path: Path) -> tuple[str | None, str]:
    """Return the revision of an existing file (None: it is empty) and this program's.

    It changes nothing, but takes the write lock for a moment. Raises as `migrate`, also where the
    file cannot be written.
    """
    check_folder(path)
    engine = migration_engine(path)
    try:
        with engine.begin() as connection:
            return revision_of(connection, str(path)), shipped()[-1]
    finally:
        engine.dispose()


def _bring_up(engine: Engine, path: Path, migrations: Path) -> None:
    current, known = _current(path), shipped(migrations)
    if current == known[-1]:
        return
    if current is not None:
        check_known(current, known, str(path), f"put {path}.before-{current}.bak in its place")
        before = path.with_name(f"{path.name}.before-{known[-1]}.bak")
        copy_database(path, before, replace=True, beside_database=True)
    with engine.begin() as connection:
        upgrade(connection, migrations)


def _current(path: Path) -> str | None:
    """Return the file's revision without the write lock: an up-to-date file may be locked."""
    engine = migration_engine(path, begin="BEGIN")
    try:
        with engine.begin() as connection:
            return revision_of(connection, str(path))
    finally:
        engine.dispose()

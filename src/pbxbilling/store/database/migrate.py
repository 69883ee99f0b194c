"""Migrates the schema of a database file to this program's, after copying the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, inspect

from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.backup import copy_database
from pbxbilling.store.database.engine import migration_engine
from pbxbilling.store.database.faults import as_store_errors, check_folder
from pbxbilling.store.database.owner import prepare_database

if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep

_MIGRATIONS = Path(__file__).parents[1] / "migrations"


def migrate(path: Path, migrations: Path = _MIGRATIONS) -> None:
    """Create the database or migrate it to the newest revision, in one transaction.

    Before a change the file is copied to `NAME.before-REV.bak`, where REV is the new revision.
    Raises `StoreError` for an unusable file, and for a schema newer than the program's.
    """
    check_folder(path)
    prepare_database(path)
    engine = migration_engine(path)
    try:
        with as_store_errors(path):
            _bring_up(engine, path, migrations)
    finally:
        engine.dispose()


def revisions(path: Path) -> tuple[str | None, str]:
    """Return the revision of an existing file (None: it is empty) and this program's.

    It changes nothing, but takes the write lock for a moment. Raises `StoreError` where the file
    cannot be written.
    """
    check_folder(path)
    engine = migration_engine(path)
    try:
        with as_store_errors(path), engine.begin() as connection:
            return _revision(connection, path), _shipped(_MIGRATIONS)[-1]
    finally:
        engine.dispose()


def _shipped(migrations: Path) -> list[str]:
    """Return the program's revisions, newest last; each is the number its file name begins with."""
    return sorted(file.name[:4] for file in (migrations / "versions").glob("[0-9]*.py"))


def _bring_up(engine: Engine, path: Path, migrations: Path) -> None:
    current, known = _current(path), _shipped(migrations)
    if current == known[-1]:
        return
    if current is not None:
        _check_older(current, known, path)
        before = path.with_name(f"{path.name}.before-{known[-1]}.bak")
        copy_database(path, before, replace=True, beside_database=True)
    with engine.begin() as connection:
        _upgrade(connection, migrations)


def _upgrade(connection: Connection, migrations: Path) -> None:
    """Run the missing migrations within the connection's transaction."""
    # Imported here: it takes 0.1 s, and most starts have nothing to upgrade.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)

    def steps(current: Any, _context: object) -> list[RevisionStep]:
        return scripts._upgrade_revs("head", current)  # noqa: SLF001 - as alembic.command.upgrade does

    with EnvironmentContext(config, scripts, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection)
        environment.run_migrations()


def _current(path: Path) -> str | None:
    """Return the file's revision without the write lock: an up-to-date file may be locked."""
    engine = migration_engine(path, begin="BEGIN")
    try:
        with engine.begin() as connection:
            return _revision(connection, path)
    finally:
        engine.dispose()


def _revision(connection: Connection, path: Path) -> str | None:
    """Return the file's revision; None for an empty file."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if found is not None:
            return str(found)
    if tables:
        msg = f"database {path} belongs to another program: name another file in database.url"
        raise StoreError(msg)
    return None


def _check_older(current: str, known: list[str], path: Path) -> None:
    if current not in known:
        msg = (
            f"database {path} has schema {current}, newer than this program's {known[-1]}: install"
            f" the newer program, or put {path}.before-{current}.bak in its place"
        )
        raise StoreError(msg)

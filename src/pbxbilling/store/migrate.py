"""Brings the schema of a database file up to this program's, after taking a copy of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect

from pbxbilling.ports import StoreError
from pbxbilling.store.backup import copy_database
from pbxbilling.store.engine import migration_engine
from pbxbilling.store.faults import check_folder, told_as_store_errors

_MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(path: Path, migrations: Path = _MIGRATIONS) -> None:
    """Create the database or bring it up to the head revision, in one transaction.

    Before a change the file is copied to `NAME.before-REV.bak`, REV being the new revision.
    Raises `StoreError` for a file that cannot serve, and for a schema newer than the program's.
    """
    check_folder(path)
    config = _config(migrations)
    head = ScriptDirectory.from_config(config).as_revision_number("head")
    engine = migration_engine(path)
    try:
        with told_as_store_errors(path):
            _bring_up(engine, path, config, str(head))
    finally:
        engine.dispose()


def revisions(path: Path) -> tuple[str | None, str]:
    """The schema of an existing file (None: an empty one) and this program's; changes neither.

    It takes the write lock for that moment, so a file that cannot be written raises `StoreError`.
    """
    check_folder(path)
    head = ScriptDirectory.from_config(_config(_MIGRATIONS)).as_revision_number("head")
    engine = migration_engine(path)
    try:
        with told_as_store_errors(path), engine.begin() as connection:
            return _revision(connection, path), str(head)
    finally:
        engine.dispose()


def _config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config


def _bring_up(engine: Engine, path: Path, config: Config, head: str) -> None:
    current = _current(path)
    if current == head:
        return
    if current is not None:
        _check_older(config, current, head, path)
        copy_database(path, path.with_name(f"{path.name}.before-{head}.bak"), replace=True)
    with engine.begin() as connection:
        _upgrade(connection, config)


def _current(path: Path) -> str | None:
    """The file's revision, read without the write lock: a file at its head may serve locked."""
    engine = migration_engine(path, begin="BEGIN")
    try:
        with engine.begin() as connection:
            return _revision(connection, path)
    finally:
        engine.dispose()


def _revision(connection: Connection, path: Path) -> str | None:
    """The file's revision; None for an empty file."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None and inspect(connection).get_table_names():
        msg = f"database {path} belongs to another program: name another file in database.url"
        raise StoreError(msg)
    return current


def _check_older(config: Config, current: str, head: str, path: Path) -> None:
    revisions = ScriptDirectory.from_config(config).walk_revisions()
    if current not in {revision.revision for revision in revisions}:
        msg = (
            f"database {path} has schema {current}, newer than this program's {head}: install"
            f" the newer program, or put {path}.before-{current}.bak in its place"
        )
        raise StoreError(msg)


def _upgrade(connection: Connection, config: Config) -> None:
    scripts = ScriptDirectory.from_config(config)

    def steps(current: Any, _context: object) -> list[RevisionStep]:
        return scripts._upgrade_revs("head", current)  # noqa: SLF001 - as alembic.command.upgrade does

    with EnvironmentContext(config, scripts, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection)
        environment.run_migrations()

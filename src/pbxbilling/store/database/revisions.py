"""Brings a schema to this program's revision, on any database; knows which ones there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, column, inspect, select, table

from pbxbilling.kernel.errors import StoreError

if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep

MIGRATIONS = Path(__file__).parents[1] / "migrations"
VERSION = table("alembic_version", column("version_num"))
UNFINISHED = "copying "
"""Before the revision of a database that a copy fills; every release refuses such a revision."""


def shipped(migrations: Path = MIGRATIONS) -> list[str]:
    """Return the program's revisions, newest last; each is the number its file name begins with."""
    return sorted(file.name[:4] for file in (migrations / "versions").glob("[0-9]*.py"))


def upgrade(connection: Connection, migrations: Path = MIGRATIONS) -> None:
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


def revision_of(connection: Connection, name: str) -> str | None:
    """Return the schema's revision; None where there are no tables.

    Raises StoreError for a database of another program, and for an unfinished copy.
    """
    found = written_revision(connection, name)
    if found is not None and found.startswith(UNFINISHED):
        msg = (
            f"database {name} is an unfinished copy: run `pbxbilling database copy` into it again,"
            " which begins anew, or name another one in database.url"
        )
        raise StoreError(msg)
    return found


def written_revision(connection: Connection, name: str) -> str | None:
    """Return the schema's revision as it is written, after `UNFINISHED` that of such a copy."""
    tables = inspect(connection).get_table_names()
    if VERSION.name in tables:
        found = connection.execute(select(VERSION)).scalar()
        if found is not None:
            return str(found)
    if tables:
        msg = f"database {name} belongs to another program: name another one in database.url"
        raise StoreError(msg)
    return None


def check_known(current: str, known: list[str], name: str, instead: str) -> None:
    """Raise StoreError for a schema that this program does not know: `instead` is the other fix."""
    if current not in known:
        msg = (
            f"database {name} has schema {current}, newer than this program's {known[-1]}: install"
            f" the newer program, or {instead}"
        )
        raise StoreError(msg)

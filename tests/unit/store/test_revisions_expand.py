"""A revision only expands: a program of the release before still works on what it leaves."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.operations import MigrateOperation, Operations, ops
from alembic.operations.base import AbstractOperations
from alembic.operations.batch import BatchOperationsImpl
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, event
from sqlalchemy.ext.asyncio import create_async_engine

from pbxbilling.store.database.postgres.connections import single_engine
from pbxbilling.store.database.revisions import MIGRATIONS
from pbxbilling.store.migrations import RELEASED
from tests.support.store.postgres import new_database

FIRST = "0016"
READS_OR_ADDS = re.compile(r"(SELECT|INSERT|UPDATE|WITH|PRAGMA)\b", re.IGNORECASE)
# An order of text that a new database has from its beginning.
ORDERED = re.compile(r'ALTER TABLE "\w+" (ALTER "\w+" TYPE varchar COLLATE "C"(, )?)+')

Done = MigrateOperation | str


class Recorder:
    """Records what a revision does: operations of alembic, and SQL of its own."""

    def __init__(self) -> None:
        self.done: list[Done] = []
        self._inside = 0

    def sql(self, *given: Any) -> None:
        if not self._inside:
            self.done.append(given[2])

    @contextmanager
    def _of_alembic(self) -> Iterator[None]:
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    @contextmanager
    def watching(self, connection: Connection) -> Iterator[None]:
        invoke, flush = AbstractOperations.invoke, BatchOperationsImpl.flush

        def invoked(operations: AbstractOperations, operation: MigrateOperation) -> Any:
            self.done.append(operation)
            with self._of_alembic():
                return invoke(operations, operation)

        def flushed(batch: BatchOperationsImpl) -> None:
            with self._of_alembic():
                flush(batch)

        event.listen(connection, "before_cursor_execute", self.sql)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AbstractOperations, "invoke", invoked)
            patch.setattr(BatchOperationsImpl, "flush", flushed)
            yield


def modules(*folders: Path) -> list[ModuleType]:
    """Return the revisions of these folders, oldest first."""
    found = []
    for folder in folders:
        for file in sorted((folder / "versions").glob("[0-9]*.py")):
            spec = importlib.util.spec_from_file_location(f"revision_{file.stem}", file)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            found.append(module)
    return found


def run(connection: Connection, revisions: list[ModuleType]) -> dict[str, list[Done]]:
    """Run the revisions on an empty database; return what each does."""
    done: dict[str, list[Done]] = {}
    with Operations.context(MigrationContext.configure(connection)):
        for module in revisions:
            recorder = Recorder()
            with recorder.watching(connection):
                module.upgrade()
            event.remove(connection, "before_cursor_execute", recorder.sql)
            done[module.revision] = recorder.done
    return done


async def all_done(*folders: Path) -> list[dict[str, list[Done]]]:
    """Return what each revision does on SQLite, and on PostgreSQL."""
    found, revisions = [], modules(*folders)
    with new_database(empty=True) as url:
        for engine in (create_async_engine("sqlite+aiosqlite://"), single_engine(url, "x", None)):
            async with engine.begin() as connection:
                found.append(await connection.run_sync(run, revisions))
            await engine.dispose()
    return found


def contracting(done: list[Done]) -> list[str]:
    """Return what a program of the release before would not get over."""
    new = {one.table_name for one in done if isinstance(one, ops.CreateTableOp)}
    return [_named(one) for one in done if not _expands(one, new)]


def _named(one: Done) -> str:
    return one if isinstance(one, str) else type(one).__name__


def _expands(one: Done, new: set[str]) -> bool:
    if isinstance(one, str):
        return _is_harmless(one)
    if isinstance(one, ops.ExecuteSQLOp):
        return _is_harmless(str(one.sqltext))
    if getattr(one, "table_name", None) in new:
        return True
    if isinstance(one, ops.AddColumnOp):
        return _may_be_left_out(one.column)
    if isinstance(one, ops.CreateIndexOp):
        return not one.unique
    if isinstance(one, ops.AlterColumnOp):
        return _loosens(one)
    return isinstance(one, (ops.CreateTableOp, ops.BulkInsertOp))


def _is_harmless(sql: str) -> bool:
    return bool(READS_OR_ADDS.match(sql.strip()) or ORDERED.fullmatch(sql.strip()))


def _may_be_left_out(column: Column[Any]) -> bool:
    return not column.unique and bool(column.nullable or column.server_default is not None)


def _loosens(one: ops.AlterColumnOp) -> bool:
    return one.modify_type is None and one.modify_name is None and one.modify_nullable is not False


async def test_each_revision_expands_or_names_what_it_contracts() -> None:
    allowed = {
        module.revision
        for module in modules(MIGRATIONS)
        if module.revision < FIRST or hasattr(module, "contracts")
    }
    for done in await all_done(MIGRATIONS):
        found = {revision: contracting(some) for revision, some in done.items()}
        assert {key: some for key, some in found.items() if some and key not in allowed} == {}


def test_what_is_removed_is_needed_by_no_released_program() -> None:
    known = {module.revision for module in modules(MIGRATIONS)}
    assert RELEASED in known
    for module in modules(MIGRATIONS):
        if (contracts := getattr(module, "contracts", None)) is not None:
            assert contracts in known
            assert contracts <= RELEASED < module.revision


WRITTEN = """
import sqlalchemy as sa
from alembic import op
revision = "9999"
down_revision = None
def upgrade():
    op.create_table("made", sa.Column("id", sa.Integer, primary_key=True))
    op.add_column("made", sa.Column("of_it", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_made", "made", ["of_it"], unique=True)
    {}
"""
GOOD = [
    'op.add_column("call", sa.Column("more", sa.String))',
    'op.add_column("call", sa.Column("more", sa.Integer, nullable=False, server_default="0"))',
    'op.create_index("ix_more", "call", ["caller"])',
    'op.execute("UPDATE call SET caller = number WHERE caller IS NULL")',
    'op.get_bind().execute(sa.text("SELECT 1"))',
]
BAD = [
    'op.drop_table("call")',
    'op.rename_table("call", "calls")',
    'op.create_index("ix_one", "call", ["caller"], unique=True)',
    'op.drop_index("ix_audit_at", "audit")',
    'op.execute("DROP TABLE call")',
    'op.get_bind().execute(sa.text("ALTER TABLE call RENAME TO calls"))',
    'op.get_bind().exec_driver_sql("DELETE FROM leg")',
    """with op.batch_alter_table("call") as call:
        call.drop_column("caller")""",
    """with op.batch_alter_table("call") as call:
        call.alter_column("caller", new_column_name="from_whom")""",
    """with op.batch_alter_table("call") as call:
        call.alter_column("caller", existing_type=sa.String, nullable=False)""",
    """with op.batch_alter_table("call") as call:
        call.alter_column("started_at", type_=sa.String)""",
    """with op.batch_alter_table("call") as call:
        call.add_column(sa.Column("more", sa.Integer, nullable=False))""",
    """with op.batch_alter_table("call") as call:
        call.create_unique_constraint("uq_one", ["caller"])""",
]


@pytest.mark.parametrize(
    ("line", "expands"), [*((one, True) for one in GOOD), *((one, False) for one in BAD)]
)
async def test_the_law_knows_what_contracts(tmp_path: Path, line: str, expands: bool) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions/9999_x.py").write_text(WRITTEN.format(line))
    revisions, engine = modules(MIGRATIONS, tmp_path), create_async_engine("sqlite+aiosqlite://")
    async with engine.begin() as connection:
        done = await connection.run_sync(run, revisions)
    await engine.dispose()
    assert (not contracting(done["9999"])) is expands

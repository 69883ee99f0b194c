"""Migrations, copies, the lock, and the messages about an unusable file."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, Table, create_engine, func, insert, select
from sqlalchemy.dialects import sqlite

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin, SetBy
from pbxbilling.accounts.records import Accounts
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.catalog.plan import Cycle, Limits, Plan, Prices
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.store import migrations, schema
from pbxbilling.store.database.faults import RecordError, ReopenError
from pbxbilling.store.database.sqlite.backup import copy_database
from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.database.sqlite.lock import database_lock
from pbxbilling.store.database.sqlite.migrate import migrate
from pbxbilling.store.rows import accounts as account_rows
from pbxbilling.store.store import SqlStore
from pbxbilling.store.subscriptions import webhook_events_query
from pbxbilling.subscriptions.events import EventState
from tests.support.store.records import NOON, call


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def structure(path: Path) -> set[tuple[str, str, str]]:
    with opened(path) as database:
        found = database.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {
            (kind, name, " ".join(sql.split()))
            for kind, name, sql in found
            if name != "alembic_version"
        }


def columns(path: Path) -> dict[str, set[tuple[str, str, int, int]]]:
    """Return each table's columns, unordered: name, type, not null, place in the key."""
    with opened(path) as database:
        tables = [name for kind, name, _ in structure(path) if kind == "table"]
        return {
            table: {
                (name, kind, required, key)
                for _, name, kind, required, _, key in database.execute(
                    f"PRAGMA table_info({table})"
                )
            }
            for table in tables
        }


def indexes(path: Path) -> set[str]:
    return {sql for kind, _, sql in structure(path) if kind == "index"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pbxbilling.db"


def test_the_migrations_make_what_the_schema_says(path: Path, tmp_path: Path) -> None:
    migrate(path)
    stated = tmp_path / "stated.db"
    engine = create_engine(f"sqlite:///{stated}")
    schema.metadata.create_all(engine)
    engine.dispose()
    assert columns(path) == columns(stated)
    assert indexes(path) == indexes(stated)


def test_the_file_of_a_migration_is_named_by_its_revision() -> None:
    for file in Path(migrations.__path__[0], "versions").glob("[0-9]*.py"):
        assert f'revision = "{file.name[:4]}"' in file.read_text()


def migrations_before(revision: str, folder: Path) -> Path:
    """Return the migrations as they were before that revision."""
    shutil.copytree(migrations.__path__[0], folder)
    for version in (folder / "versions").glob("0*.py"):
        if version.name >= revision:
            version.unlink()
    return folder


@pytest.fixture
def second_revision(tmp_path: Path) -> Path:
    """Return the migrations of the time when a plan had one price."""
    return migrations_before("0003", tmp_path / "second")


async def test_the_price_of_a_plan_becomes_that_of_a_month(
    path: Path, second_revision: Path
) -> None:
    migrate(path, second_revision)
    with opened(path) as database:
        database.executemany(
            "INSERT INTO plan VALUES (?, '', '{}', 0, ?, '[]', 'bill', ?, 'EUR', 0, '60/60', ?, 1)",
            [
                ("free", None, 0, "{}"),
                ("pro", 500, 1999, '{"monthly": "price_1", "setup": "price_2"}'),
            ],
        )
    migrate(path)
    async with SqlStore(SqliteFile(path)) as store:
        free, pro = (await store.accounts()).plans
    assert (free.prices, free.included_minutes, free.gateway_prices) == ({}, 0, {})
    assert (pro.prices, pro.included_minutes) == ({Cycle.MONTH: 1999}, 500)
    assert pro.prices_at(STRIPE) == Prices(flat="price_1", setup="price_2")


@pytest.fixture
def release_0_1(tmp_path: Path) -> Path:
    """Return the migrations of release 0.1."""
    return migrations_before("0012", tmp_path / "release")


async def test_legs_of_an_older_release_keep_what_they_were_billed(
    path: Path, release_0_1: Path
) -> None:
    """A leg adopted when already up was counted from its very start: a guess."""
    migrate(path, release_0_1)
    columns = "pbx, uniqueid, direction, channel, linkedid, caller, number, started_at,"
    columns += (
        " answered_at, ended_at, talk_us, billed_s, allowance_s, witness, over_limit, emergency"
    )
    rows = "('p', ?, 'outbound', '', '', '', '', 1, ?, 9, 8, 60, 60, 'unlisted', 0, 0)"
    with opened(path) as database:
        database.execute(f"INSERT INTO leg ({columns}) VALUES {rows}", ("seen", 2))
        database.execute(f"INSERT INTO leg ({columns}) VALUES {rows}", ("adopted", 1))
        database.execute("INSERT INTO pbx_mark VALUES ('p', 7, '', 0)")
    migrate(path)
    async with SqlStore(SqliteFile(path)) as store:
        keys = {name: ChannelKey("p", name) for name in ("seen", "adopted")}
        legs = await store.legs(keys.values())
        assert {key.uniqueid: leg.answer_guessed for key, leg in legs.items()} == {
            "seen": False,
            "adopted": True,
        }
        assert {leg.billed_s for leg in legs.values()} == {60}
        mark = (await store.marks())["p"]
        assert mark.lived_at == mark.heard_at


def write_as_it_was(path: Path, table: Table, values: dict[str, Any]) -> None:
    """Insert a row into an older database, without the columns that it does not have yet."""
    known = {name for name, *_ in columns(path)[table.name]}
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(insert(table).values({c: v for c, v in values.items() if c in known}))
    engine.dispose()


async def test_accounts_of_an_older_release_are_as_the_file_set_them(
    path: Path, release_0_1: Path
) -> None:
    migrate(path, release_0_1)
    acme, plan = Tenant("acme", "pro", dids=("+15550100",)), Plan("pro", limits=Limits(5))
    write_as_it_was(path, schema.tenant, account_rows.TENANT.values(acme))
    write_as_it_was(path, schema.plan, account_rows.PLAN.values(plan))
    migrate(path)
    async with SqlStore(SqliteFile(path)) as store:
        assert await store.accounts() == Accounts((plan,), (acme,))
        assert await store.key_origins(AccountKind.TENANT, "acme") == []
        assert await store.keys_not_by_file() == []
        command = KeyOrigin(AccountKind.TENANT, "acme", "plan", SetBy.COMMAND, NOON)
        await store.commit([command])
        assert await store.keys_not_by_file() == [command]


def test_a_new_file_and_one_that_is_up_to_date_are_not_copied(path: Path) -> None:
    migrate(path)
    migrate(path)
    assert not list(path.parent.glob("*.bak"))


@pytest.fixture
def next_revision(tmp_path: Path) -> Path:
    """Return the migrations and one more."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.__path__[0], folder)
    head = max(file.name[:4] for file in (folder / "versions").glob("0*.py"))
    (folder / "versions" / "9000_next.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9000', '{head}'\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE added (x)')\n"
    )
    return folder


def test_an_older_schema_is_copied_before_it_changes(path: Path, next_revision: Path) -> None:
    migrate(path)
    before = structure(path)
    migrate(path, next_revision)
    assert structure(path) - before == {("table", "added", "CREATE TABLE added (x)")}
    assert structure(path.with_name("pbxbilling.db.before-9000.bak")) == before


def test_a_migration_that_fails_changes_nothing(path: Path, next_revision: Path) -> None:
    migrate(path)
    before = structure(path)
    with (next_revision / "versions" / "9000_next.py").open("a") as revision:
        revision.write("    op.execute('CREATE TABLE call (x)')\n")
    with pytest.raises(StoreError, match="call already exists"), SqliteFile(path).errors():
        migrate(path, next_revision)
    assert structure(path) == before
    migrate(path)


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    with opened(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="belongs to another program"):
        migrate(path)
    assert structure(path) == {("table", "theirs", "CREATE TABLE theirs (x)")}


def test_a_newer_schema_is_refused_with_the_fix(path: Path) -> None:
    migrate(path)
    with opened(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"schema 9999, newer .* install") as caught:
        migrate(path)
    assert str(path) in str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"create {tmp_path / 'away'}"):
        migrate(tmp_path / "away" / "x.db")


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        migrate(tmp_path)


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_text("[database]\n" * 200)
    with pytest.raises(StoreError, match="is not an SQLite database"), SqliteFile(path).errors():
        migrate(path)


def test_a_damaged_database_is_reported_with_the_fix(path: Path) -> None:
    migrate(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    with pytest.raises(StoreError, match=r"is damaged: .* copy"), SqliteFile(path).errors():
        migrate(path)


def test_a_locked_database_is_reported_with_the_fix(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pbxbilling.store.database.sqlite.engine.WRITER_PRAGMAS", ("busy_timeout=1",)
    )
    migrate(path)
    with opened(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        locked = pytest.raises(StoreError, match="is locked by another process: end that one")
        with locked, SqliteFile(path).errors():
            migrate(path)


def test_a_read_only_database_is_reported_with_the_fix(path: Path) -> None:
    migrate(path)
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database,
        pytest.raises(StoreError, match="is read-only: give this user write access to it"),
        SqliteFile(path).errors(),
    ):
        database.execute("DELETE FROM leg")


def test_a_value_that_no_column_holds_is_the_records_own_fault(path: Path) -> None:
    with pytest.raises(RecordError), SqliteFile(path).errors():
        "\udce9".encode()


def test_the_lock_names_the_process_that_holds_it(path: Path) -> None:
    program = f"""
import os, sys
from pathlib import Path
from pbxbilling.store.database.sqlite.lock import database_lock
with database_lock(Path({str(path)!r})):
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        pid = holder.stdout.readline().strip()
        with pytest.raises(StoreError, match=f"in use by process {pid}:"), database_lock(path):
            pass
        holder.communicate()
    with database_lock(path):
        pass


async def test_a_backup_of_a_running_store_holds_what_was_committed(
    path: Path, tmp_path: Path
) -> None:
    async with await SqlStore.open(SqliteFile(path)) as store:
        await store.commit([call()])
        await store.backup(tmp_path / "copy.db")
        await store.commit([call("c2")])
    async with await SqlStore.open(SqliteFile(tmp_path / "copy.db")) as copy:
        assert await copy.open_calls() == [call()]


async def test_a_file_that_was_taken_away_is_an_error_until_another_takes_its_place(
    path: Path,
) -> None:
    async with await SqlStore.open(SqliteFile(path)) as store:
        await store.commit([call()])
        await store.backup(path.with_name("copy.db"))
        await asyncio.to_thread(path.rename, path.with_name("away.db"))
        with pytest.raises(ReopenError, match=f"{path} cannot be opened"):
            await store.commit([call("c2")])
        await asyncio.to_thread(path.with_name("copy.db").rename, path)
        await store.commit([call("c3")])
        assert await store.open_calls() == [call(), call("c3")]
    async with await SqlStore.open(SqliteFile(path)) as store:
        assert await store.open_calls() == [call(), call("c3")]


async def test_a_locked_database_of_this_schema_is_opened_and_read(path: Path) -> None:
    async with await SqlStore.open(SqliteFile(path)) as store:
        await store.commit([call()])
    with opened(path) as other:
        other.execute("BEGIN IMMEDIATE")
        async with await SqlStore.open(SqliteFile(path)) as store:
            assert await store.open_calls() == [call()]


def test_a_copy_is_for_its_owner_alone_and_never_takes_a_files_place(path: Path) -> None:
    migrate(path)
    target = path.with_name("copy.db")
    copy_database(path, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before = target.read_bytes()
    with pytest.raises(StoreError, match=f"{target} was not made: the file exists"):
        copy_database(path, target)
    assert target.read_bytes() == before
    assert {file.name for file in path.parent.glob("copy*")} == {"copy.db"}


def test_a_copy_of_a_damaged_database_is_refused(path: Path) -> None:
    migrate(path)
    with opened(path) as database:
        (page,) = database.execute("PRAGMA page_size").fetchone()
    whole = bytearray(path.read_bytes())
    whole[5 * page : 6 * page] = b"\xff" * page
    path.write_bytes(whole)
    with pytest.raises(StoreError, match=r"pbxbilling\.db was not made: .* is damaged"):
        copy_database(path, path.with_name("copy.db"))
    assert not path.with_name("copy.db").exists()


def test_a_copy_that_cannot_be_made_leaves_nothing_behind(path: Path) -> None:
    path.write_text("no database" * 100)
    with pytest.raises(StoreError, match=r"copy .* was not made"):
        copy_database(path, path.with_name("copy.db"))
    assert list(path.parent.iterdir()) == [path]


async def test_bytes_that_nobody_could_decode_are_kept_readable(path: Path) -> None:
    async with await SqlStore.open(SqliteFile(path)) as store:
        await store.commit([call(caller="Ren\udce9 é")])
        (kept,) = await store.open_calls()
    assert kept.caller == "Ren\\udce9 é"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            select(schema.leg.c.tenant, func.sum(schema.leg.c.talk_us))
            .where(schema.LEG_USED, schema.leg.c.tenant == "acme")
            .group_by(schema.leg.c.month, schema.leg.c.direction),
            "COVERING INDEX ix_leg_usage",
        ),
        (select(schema.call).where(schema.CALL_OPEN), "ix_call_open"),
        (select(schema.leg).where(schema.LEG_OPEN), "ix_leg_open"),
        (select(schema.leg).where(schema.LEG_UNOWNED), "ix_leg_unowned"),
        (
            webhook_events_query([EventState.WAITING, EventState.UNCONFIRMED], 1000),
            "ix_letter_unfinished",
        ),
    ],
)
def test_what_is_asked_often_is_answered_by_an_index(
    path: Path, query: Select[Any], index: str
) -> None:
    migrate(path)
    plain = str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
    with opened(path) as database:
        steps = [step for *_, step in database.execute(f"EXPLAIN QUERY PLAN {plain}")]
    assert index in steps[0]

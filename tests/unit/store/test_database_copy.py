"""A database that is copied is the same in the other; an unfinished copy is opened by nobody."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, Table

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.live.records import DecisionQuery
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.records import Record
from pbxbilling.runtime.database_url import DatabaseUrl, PostgresUrl, SqliteUrl
from pbxbilling.store import schema
from pbxbilling.store.database import copy as copying
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.database.unfinished import copied_tables
from pbxbilling.store.store import SqlStore
from tests.support.billing.records import billed, one_off, saved
from tests.support.kernel.actors import audited
from tests.support.store import postgres
from tests.support.store.database import create, rows
from tests.support.store.postgres import emptied_database, new_database
from tests.support.store.records import NOON, after, call, decision, ended_leg
from tests.support.subscriptions.records import customer, event, invoice, subscription

FREE = 1_000
ALL: list[Record] = [
    *(Plan("pro"), Tenant("acme", "pro"), Tenant("globex", "pro")),
    *(call(), ended_leg("1.1"), ended_leg("1.2", tenant="globex", emergency=True), decision()),
    *(saved(), billed(), one_off(), subscription(), customer(), invoice(), event()),
    audited(NOON, "root", "apply", "tenant acme", None, {"name": "ä"}),
    audited(after(1), "root", "apply", "tenant acme", {"name": "ä"}, None),
]


def copied(
    source: DatabaseUrl, target: DatabaseUrl, progress: copying.Progress = lambda *_: None
) -> dict[str, int]:
    """Copy, and return the rows of those tables that have some."""
    made = asyncio.run(copying.copy(database_at(source), database_at(target), progress))
    assert set(made) == {table.name for table in copied_tables()}
    return {name: count for name, count in made.items() if count}


def change(place: DatabaseUrl, *statements: str) -> None:
    """Run statements in a database."""
    if isinstance(place, PostgresUrl):
        postgres.execute(place, *statements)
        return
    with closing(sqlite3.connect(place.path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


def fill(place: DatabaseUrl, records: list[Record] = ALL) -> None:
    async def filled() -> None:
        async with await SqlStore.open(database_at(place)) as store:
            await store.commit(records)

    create(place)
    asyncio.run(filled())


@pytest.fixture
def source(tmp_path: Path) -> SqliteUrl:
    """Return a file with some rows of most tables."""
    place = SqliteUrl(tmp_path / "source.db")
    fill(place)
    return place


@pytest.fixture(params=["sqlite", "postgresql"])
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseUrl]:
    """Give a database of each make that has nothing in it yet."""
    if request.param == "sqlite":
        yield SqliteUrl(tmp_path / "new.db")
    else:
        with new_database(empty=True) as url:
            yield url


# --- what is copied ------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
DOCUMENTS = st.builds(
    json.dumps,
    st.dictionaries(WORDS, WORDS | st.none() | st.floats(allow_nan=False, allow_infinity=False)),
    ensure_ascii=st.booleans(),
    indent=st.sampled_from([None, 1]),
)


def values(column: Column[Any]) -> st.SearchStrategy[Any]:
    """Return what a column may hold, as SQLite has it."""
    some: st.SearchStrategy[Any] = WORDS
    if column is column.table.autoincrement_column:
        some = st.integers(1, 2**63 - 2)
    elif isinstance(column.type, BigInteger):
        some = st.integers(-(2**63), 2**63 - 1)
    elif isinstance(column.type, Integer):
        some = st.integers(-(2**31), 2**31 - 1)
    elif isinstance(column.type, Boolean):
        some = st.integers(0, 1)
    elif isinstance(column.type, JSON):
        some = DOCUMENTS
    return st.none() | some if column.nullable else some


def rows_of(table: Table) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    names = table.c.keys()
    keys = [[column.name for column in table.primary_key]]
    keys += [index.columns.keys() for index in table.indexes if index.unique]
    alone = [itemgetter(*map(names.index, key)) for key in keys if key]
    return st.lists(st.tuples(*map(values, table.c)), max_size=5, unique_by=tuple(alone))


def insert(place: SqliteUrl, table: Table, found: list[tuple[Any, ...]]) -> None:
    names = ", ".join(map('"{}"'.format, table.c.keys()))
    with closing(sqlite3.connect(place.path)) as database, database:
        marks = ", ".join("?" * len(table.c))
        database.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", found)


def content(place: SqliteUrl) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(place.path)) as database:
        return {
            table.name: sorted(database.execute(f"SELECT * FROM {table.name}"), key=repr)
            for table in schema.metadata.sorted_tables
        }


@given(st.fixed_dictionaries({table.name: rows_of(table) for table in copied_tables()}))
@settings(max_examples=4)
def test_all_rows_of_all_tables_come_back_as_they_were(
    found: dict[str, list[tuple[Any, ...]]],
) -> None:
    with (
        TemporaryDirectory() as folder,
        emptied_database() as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(copying, "ROWS_AT_ONCE", 2)
        there, back = SqliteUrl(Path(folder, "there.db")), SqliteUrl(Path(folder, "back.db"))
        create(there)
        for table in copied_tables():
            insert(there, table, found[table.name])
        counts = {name: len(some) for name, some in found.items() if some}
        assert copied(there, server) == counts
        assert copied(server, back) == counts
        assert content(there) == content(back)


def test_the_copy_answers_as_its_source_and_goes_on(source: SqliteUrl, new: DatabaseUrl) -> None:
    async def answers(place: DatabaseUrl) -> list[Any]:
        async with await SqlStore.open(database_at(place), create=False) as store:
            return [
                await store.accounts(),
                await store.open_calls(),
                await store.usage(),
                await store.decisions(DecisionQuery()),
                await store.audit(),
                await store.statement_store.statements(tenant="acme"),
                await store.statement_store.billed("acme"),
            ]

    assert copied(source, new)["audit"] == 2
    before = asyncio.run(answers(source))
    assert all(before)
    assert asyncio.run(answers(new)) == before
    fill(new, [audited(after(2), "root", "apply", "tenant acme", None, {}), decision(3)])
    found = rows(new, "SELECT id, actor FROM audit ORDER BY id")
    assert [row["id"] for row in found] == [1, 2, 3]


def test_row_numbers_are_kept_and_the_next_is_free(source: SqliteUrl, new: DatabaseUrl) -> None:
    change(source, f"UPDATE audit SET id = {FREE} WHERE id = 2", "DELETE FROM decision")
    copied(source, new)
    fill(new, [audited(after(2), "root", "apply", "tenant acme", None, {}), decision(3)])
    found = rows(new, "SELECT id FROM audit ORDER BY id")
    assert [row["id"] for row in found] == [1, FREE, FREE + 1]
    assert [row["id"] for row in rows(new, "SELECT id FROM decision")] == [1]


def test_zeros_in_text_are_written_as_the_store_writes_them(
    source: SqliteUrl, new: DatabaseUrl
) -> None:
    change(source, "UPDATE call SET caller = 'a' || char(0) || 'b'")
    copied(source, new)
    caller = rows(new, "SELECT caller FROM call")[0]["caller"]
    assert caller in ({"a\\x00b"} if isinstance(new, PostgresUrl) else {"a\0b"})


def test_progress_is_told_part_by_part(
    source: SqliteUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", 1)
    told: list[tuple[str, int, int]] = []
    copied(source, SqliteUrl(tmp_path / "new.db"), lambda *how_far: told.append(how_far))
    assert [each for each in told if each[0] == "leg"] == [("leg", 1, 2), ("leg", 2, 2)]


# --- what cannot be copied -----------------------------------------------------------------------


def refused(source: DatabaseUrl, target: DatabaseUrl, says: str) -> str:
    with pytest.raises(StoreError, match=says) as raised:
        copied(source, target)
    assert "secret" not in str(raised.value)
    return str(raised.value)


def closed(place: DatabaseUrl) -> None:
    """Assert that neither a daemon nor a command opens the database, of this release or another."""
    for create_it in (True, False):
        with pytest.raises(
            StoreError, match="is an unfinished copy: run `pbxbilling database copy`"
        ):
            asyncio.run(database_at(place).prepare(create=create_it))
    with pytest.raises(StoreError, match="unfinished copy"):
        asyncio.run(database_at(place).revisions())
    ((version,),) = [
        row.values() for row in map(dict, rows(place, "SELECT * FROM alembic_version"))
    ]
    assert not version.isdigit()


VERSION = "UPDATE alembic_version SET version_num = '{}'"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (VERSION.format("0001"), "has schema 0001, older than this program's .*: start the daemon"),
        (
            VERSION.format("9999"),
            "has schema 9999, newer than this program's .*: install the newer",
        ),
        (VERSION.format("copying 0016"), "is an unfinished copy"),
        ("DROP TABLE alembic_version", "belongs to another program"),
    ],
)
def test_a_source_must_have_the_schema_of_today(
    place: DatabaseUrl, tmp_path: Path, changed: str, says: str
) -> None:
    fill(place)
    change(place, changed)
    refused(place, SqliteUrl(tmp_path / "copy.db"), says)
    assert not (tmp_path / "copy.db").exists()


def test_a_source_that_is_not_there_is_named(new: DatabaseUrl, tmp_path: Path) -> None:
    refused(new, SqliteUrl(tmp_path / "copy.db"), "new.db does not exist yet|is empty: there is")
    assert not list(tmp_path.iterdir()) or list(tmp_path.iterdir()) == [tmp_path / "copy.db.lock"]


def test_a_damaged_source_is_named_and_the_target_stays_closed(
    source: SqliteUrl, new: DatabaseUrl
) -> None:
    with closing(sqlite3.connect(source.path)) as database:
        (root,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'leg'"
        ).fetchone()
        (page,) = database.execute("PRAGMA page_size").fetchone()
    whole = bytearray(source.path.read_bytes())
    whole[(root - 1) * page : root * page] = b"\xff" * page
    source.path.write_bytes(whole)
    refused(source, new, r"source\.db is damaged: move it away and put a copy in its place")
    closed(new)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (VERSION.format("0001"), "has schema 0001, and this program has .*: name a new one"),
        (VERSION.format("9999"), "has schema 9999, and this program has .*: name a new one"),
        (VERSION.format("copying 0001"), "a copy that was not finished, of schema 0001"),
        ("DROP TABLE alembic_version", "belongs to another program"),
        (
            "INSERT INTO cursor (name, at) VALUES ('x', 1)",
            "is not empty, its table cursor has rows: name a new one",
        ),
    ],
)
def test_a_target_must_be_empty(
    source: SqliteUrl, place: DatabaseUrl, changed: str, says: str
) -> None:
    create(place)
    change(place, changed)
    tables = "leg" if "alembic" in changed else "cursor"
    before = rows(place, f"SELECT * FROM {tables}")
    refused(source, place, says)
    assert rows(place, f"SELECT * FROM {tables}") == before


def test_a_target_with_tables_and_without_rows_is_filled(
    source: SqliteUrl, place: DatabaseUrl
) -> None:
    create(place)
    assert copied(source, place)["leg"] == 2


def test_a_database_is_not_copied_to_itself(place: DatabaseUrl) -> None:
    fill(place)
    refused(place, place, "is the source itself: name another one to copy to")


def test_a_source_in_use_is_left_alone(place: DatabaseUrl, tmp_path: Path) -> None:
    fill(place)

    async def copied_while_held() -> None:
        async with database_at(place).alone():
            await copying.copy(
                database_at(place), database_at(SqliteUrl(tmp_path / "copy.db")), lambda *_: None
            )

    with pytest.raises(
        StoreError, match=r"is in use by process \d+.*: if that is the daemon, stop"
    ):
        asyncio.run(copied_while_held())
    assert not (tmp_path / "copy.db").exists()


def test_a_row_that_the_target_cannot_hold_is_named(source: SqliteUrl) -> None:
    fill(source, [saved("2026-10"), saved("2026-12")])
    change(source, f"UPDATE statement SET number = {2**40} WHERE month = '2026-12'")
    with new_database(empty=True) as server:
        refused(
            source,
            server,
            f"row tenant acme, month 2026-12, number {2**40} of table statement cannot be copied:",
        )
        closed(server)


def test_a_target_folder_that_is_missing_is_named(source: SqliteUrl, tmp_path: Path) -> None:
    refused(source, SqliteUrl(tmp_path / "no" / "x.db"), f"has no folder: create {tmp_path}/no")


def test_a_role_that_may_make_no_tables_is_named(source: SqliteUrl) -> None:
    with new_database(empty=True) as server:
        change(
            server,
            "DROP ROLE IF EXISTS guest",
            "CREATE ROLE guest LOGIN PASSWORD 'secret-of-guest'",
        )
        guest = PostgresUrl(server.database, "guest", "secret-of-guest", server.hosts)
        refused(source, guest, "refuses this role something: grant it")


def test_a_server_that_does_not_know_the_password_is_named(source: SqliteUrl) -> None:
    with new_database(empty=True) as server:
        stranger = PostgresUrl(server.database, server.user, "secret-of-none", server.hosts)
        refused(source, stranger, "refuses this user: check user and password")


# --- copies that end half-way --------------------------------------------------------------------


class Ended(Exception):  # noqa: N818 - what ends a copy from outside
    """Ends a copy at a moment, as a signal does."""


def end(table: str, how: Callable[[], object], name: str, *_: int) -> None:
    if name == table:
        how()


def stop() -> None:
    raise Ended


@pytest.mark.parametrize("table", ["audit", "leg", "terms_change"])
def test_a_copy_that_ends_half_way_is_opened_by_nobody_and_begun_anew(
    source: SqliteUrl, new: DatabaseUrl, table: str
) -> None:
    fill(source, [])
    change(source, "INSERT INTO terms_change VALUES (1, 'plan', 'pro', 1, '{}')")
    with pytest.raises(Ended):
        copied(source, new, partial(end, table, stop))
    closed(new)
    refused(new, source, "is an unfinished copy")
    assert copied(source, new) == copied(source, SqliteUrl(source.path.with_name("other.db")))
    asyncio.run(database_at(new).prepare(create=False))


def test_a_connection_that_ends_between_two_parts_is_opened_anew(
    source: SqliteUrl,
) -> None:
    with new_database(empty=True) as server:
        gone = (  # waits for the end: one that is only told to end may answer once more
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname ="
            f" '{server.database}' AND application_name LIKE '%writer'"
        )
        away = partial(end, "call", lambda: postgres.execute(server, gone))
        assert copied(source, server, away)["leg"] == 2
        asyncio.run(database_at(server).prepare(create=False))


def test_a_full_disk_of_the_server_is_named(source: SqliteUrl) -> None:
    with new_database() as server:
        change(
            server,
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'No space left' USING ERRCODE = '53100'; END $$",
            "CREATE TRIGGER full_disk BEFORE INSERT ON leg EXECUTE FUNCTION full_disk()",
        )
        refused(source, server, "cannot grow: the server's disk is full, make room there")
        closed(server)


def test_a_full_disk_under_the_file_is_named(
    source: SqliteUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source, [ended_leg(f"9.{number}", channel="x" * 500) for number in range(2000)])
    target = SqliteUrl(tmp_path / "copy.db")
    monkeypatch.setattr(
        "pbxbilling.store.database.sqlite.engine.WRITER_PRAGMAS", ("max_page_count=150",)
    )
    refused(source, target, f"copy.db cannot grow: the disk of {tmp_path} is full, make room there")
    closed(target)


def test_a_copy_that_differs_stays_closed(source: SqliteUrl, place: DatabaseUrl) -> None:
    create(place)
    if isinstance(place, PostgresUrl):
        change(
            place,
            "CREATE FUNCTION less() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.billed_s := NEW.billed_s - 1; RETURN NEW; END $$",
            "CREATE TRIGGER less BEFORE INSERT ON leg FOR EACH ROW EXECUTE FUNCTION less()",
        )
    else:
        change(
            place,
            "CREATE TRIGGER less AFTER INSERT ON leg BEGIN"
            " UPDATE leg SET billed_s = billed_s - 1 WHERE uniqueid = NEW.uniqueid; END",
        )
    refused(
        source,
        place,
        r"is no copy of .*source\.db: billed_s of table leg come to 118 instead of 120;"
        " it stays closed",
    )
    closed(place)

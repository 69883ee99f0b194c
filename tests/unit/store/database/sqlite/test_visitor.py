"""A database file as a process sees it that may read it, and write nothing beside it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from pbxbilling.kernel.errors import StoreError
from pbxbilling.runtime.database_url import SqliteUrl
from pbxbilling.store.database.sqlite import owner, visitor
from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.store import SqlStore
from tests.support.kernel.actors import audited
from tests.support.store.database import create
from tests.support.store.records import NOON

ROW = audited(NOON, "root", "apply", "tenant acme", None, {"plan": "pro"})


def made(tmp_path: Path) -> Path:
    path = tmp_path / "pbxbilling.db"
    create(SqliteUrl(path))
    return path


async def test_it_reads_what_a_writer_writes_beside_it_and_after_that_one_has_closed(
    tmp_path: Path,
) -> None:
    path = made(tmp_path)
    async with SqlStore.read_only(SqliteFile(path)) as reader:
        assert await reader.audit() == []
        async with SqlStore(SqliteFile(path)) as writer:
            await writer.commit([ROW])
            assert await reader.audit() == [ROW]
        assert await reader.audit() == [ROW]
        with pytest.raises(StoreError, match=r"read-only|readonly"):
            await reader.commit([ROW])


async def test_a_file_that_is_read_as_unchanging_is_opened_anew_for_each_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for another user, whose plain opening fails while no writer is there."""
    path = made(tmp_path)
    opened: list[str] = []
    plain = visitor._Doors._opened

    async def opening(self: visitor._Doors, how: str) -> object:
        connection = await plain(self, how)
        opened.append(how)
        if how == "mode=ro" and not path.with_name("pbxbilling.db-wal").exists():
            monkeypatch.setattr(connection, "execute_fetchall", _refused)
        return connection

    async def _refused(*_: object) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(visitor._Doors, "_opened", opening)
    async with SqlStore.read_only(SqliteFile(path)) as reader:
        assert await reader.audit() == []
        async with SqlStore(SqliteFile(path)) as writer:
            await writer.commit([ROW])
            assert await reader.audit() == [ROW]
            assert opened[-1] == "mode=ro"
            count = len(opened)
            assert await reader.audit() == [ROW]
            assert len(opened) == count  # the pool keeps that one
    assert opened[:2] == ["mode=ro", "mode=ro&immutable=1"]


async def test_a_missing_file_is_named_and_found_once_it_is_there(tmp_path: Path) -> None:
    async with SqlStore.read_only(SqliteFile(tmp_path / "pbxbilling.db")) as reader:
        with pytest.raises(StoreError, match="does not exist yet"):
            await reader.audit()
        made(tmp_path)
        assert await reader.audit() == []


async def test_a_user_outside_of_the_group_hears_which_one_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path)
    monkeypatch.setattr(os, "access", lambda where, _how: Path(where) != path)
    async with SqlStore.read_only(SqliteFile(path)) as reader:
        with pytest.raises(StoreError, match=r"cannot be read by .*: put that user into the group"):
            await reader.audit()


@pytest.mark.parametrize(("folder", "wanted"), [(0o750, 0o640), (0o755, 0o600), (0o700, 0o600)])
def test_the_group_that_may_enter_the_folder_may_read_the_database(
    tmp_path: Path, folder: int, wanted: int
) -> None:
    path = tmp_path / "pbxbilling.db"
    for name in ("pbxbilling.db", "pbxbilling.db-wal", "pbxbilling.db-shm"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o600)
    tmp_path.chmod(folder)
    owner.let_group_read(path)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {wanted}


def test_a_link_and_what_is_missing_are_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch(0o600)
    path = tmp_path / "pbxbilling.db"
    path.symlink_to(victim)
    owner.let_group_read(path)
    assert victim.stat().st_mode & 0o777 == 0o600
    owner.let_group_read(tmp_path / "none.db")

"""Which file an SQLite database is, while it is open."""

from __future__ import annotations

from pathlib import Path

from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.store import SqlStore
from tests.support.store.records import call


async def test_a_file_that_is_made_at_the_opening_is_no_other_one(tmp_path: Path) -> None:
    database = SqliteFile(tmp_path / "new.db")
    async with await SqlStore.open(database):
        assert not await database.is_another()


async def test_a_file_in_its_place_is_another_one_once(tmp_path: Path) -> None:
    database = SqliteFile(tmp_path / "old.db")
    async with await SqlStore.open(database) as store:
        await store.commit([call()])
        (tmp_path / "old.db").rename(tmp_path / "gone.db")
        (tmp_path / "old.db").touch()
        assert await database.is_another()
        assert not await database.is_another()

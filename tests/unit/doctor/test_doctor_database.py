"""The checks of the database: which process holds it, its schema, whether it is writable."""

import fcntl
import os
from pathlib import Path

from pbxbilling.config.sections import DatabaseSettings
from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.database import look
from pbxbilling.store.database.sqlite.lock import database_lock, lock_holder
from pbxbilling.store.database.sqlite.migrate import migrate


async def looked(path: Path) -> dict[str, Check]:
    settings = DatabaseSettings(url=f"sqlite:///{path}")
    return {check.name: check for check in await look(settings)}


async def test_a_database_in_use_is_well_and_names_its_process(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate(path)
    with database_lock(path):
        found = await looked(path)
    assert {check.result for check in found.values()} == {Result.OK}


async def test_nothing_is_made_where_there_is_nothing(tmp_path: Path) -> None:
    found = await looked(tmp_path / "a.db")
    assert {check.result for check in found.values()} == {Result.WARN}
    assert os.listdir(tmp_path) == []


async def test_an_older_schema_is_reported_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    found = (await looked(path))["schema"]
    assert (found.result, "schema none" in found.found) == (Result.WARN, True)
    assert (await looked(path))["schema"] == found


async def test_a_folder_that_is_not_there_fails_with_its_name(tmp_path: Path) -> None:
    (check,) = (
        c for c in (await looked(tmp_path / "none" / "a.db")).values() if c.name == "schema"
    )
    assert (check.result, str(tmp_path / "none") in check.mend) == (Result.FAIL, True)


async def test_a_file_that_is_no_database_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("no database at all, whatever its name says" * 100)
    assert (await looked(path))["open"].result is Result.FAIL


def test_a_lock_of_somebody_who_did_not_sign_it_is_held_all_the_same(tmp_path: Path) -> None:
    with (tmp_path / "a.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert lock_holder(tmp_path / "a.db") == ""
    assert lock_holder(tmp_path / "a.db") is None

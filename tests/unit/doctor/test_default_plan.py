"""Whether the plan of new tenants exists, can be chosen and bounds their calls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from typer.testing import CliRunner

from pbxbilling.catalog.plan import Limits, Plan
from pbxbilling.cli.main import app
from pbxbilling.config.load import load
from pbxbilling.config.sections import DatabaseSettings
from pbxbilling.config.settings import Settings
from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.default_plan import check_default_plan
from pbxbilling.doctor.examine import examine
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.store import SqlStore
from tests.support.store.database import sqlite_path


def site(folder: Path) -> tuple[Path, Settings]:
    """Return a configuration file whose default plan is `free`, and its settings."""
    config = folder / "pbxbilling.toml"
    config.write_text(
        f'[database]\nurl = "sqlite:///{folder}/a.db"\n[http]\nadmin = "{folder}/admin.sock"\n'
    )
    return config, load(config, {})


async def stored(folder: Path, *plans: Plan) -> Check:
    _, settings = site(folder)
    async with await SqlStore.open(SqliteFile(sqlite_path(settings))) as store:
        await store.commit(plans)
        return await check_default_plan(settings)


@pytest.mark.parametrize(
    ("plans", "result", "says"),
    [
        ([Plan("free", limits=Limits(max_calls=0))], Result.OK, ["active and has limits"]),
        ([Plan("free", limits=Limits(max_trunk_legs=3))], Result.OK, ["active"]),
        ([Plan("free")], Result.WARN, ["has no limit of calls", "set its max_calls"]),
        (
            [Plan("free", limits=Limits(max_calls=1), active=False), Plan("pro")],
            Result.WARN,
            ['"free" is deactivated', "name an active plan (pro)", "[plan.free]"],
        ),
        (
            [Plan("pro"), Plan("basic"), Plan("old", active=False)],
            Result.WARN,
            ['"free" is not among the plans', "(basic, pro)"],
        ),
        ([Plan("old", active=False)], Result.WARN, ["not among", "config/plans.example.toml"]),
        ([], Result.WARN, ["not among the plans", "[plan.free]", "config/plans.example.toml"]),
    ],
)
async def test_the_plan_of_new_tenants_is_active_and_bounds_their_calls(
    tmp_path: Path, plans: list[Plan], result: Result, says: list[str]
) -> None:
    check = await stored(tmp_path, *plans)
    assert check.result is result
    assert [one for one in says if one not in check.found + check.mend] == []


async def test_where_there_is_nothing_nothing_is_made_and_the_warning_says_so(
    tmp_path: Path,
) -> None:
    config, settings = site(tmp_path)
    check = await check_default_plan(settings)
    assert check.result is Result.WARN
    assert "does not exist yet" in check.found
    assert os.listdir(tmp_path) == [config.name]


@pytest.mark.parametrize("content", ["no database" * 100, "folder"])
async def test_a_database_that_cannot_be_read_is_a_warning_too(
    tmp_path: Path, content: str
) -> None:
    _, settings = site(tmp_path)
    if content == "folder":
        sqlite_path(settings).mkdir()
    else:
        sqlite_path(settings).write_text(content)
    check = await check_default_plan(settings)
    assert check.result is Result.WARN
    assert f"{tmp_path}/a.db" in check.found


@pytest.fixture
def nobody() -> Iterator[None]:
    """Become a user who may read nothing of root's; who is no root already may not either."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65_534)
    yield
    os.seteuid(me)


@pytest.mark.usefixtures("nobody")
async def test_a_folder_that_may_not_be_read_is_a_warning_too() -> None:
    with TemporaryDirectory() as folder:
        closed = Path(folder) / "closed"
        closed.mkdir(mode=0o000)
        database = DatabaseSettings(url=f"sqlite:///{closed}/a.db")
        check = await check_default_plan(Settings(database=database))
    assert (check.result, "Permission denied" in check.found) == (Result.WARN, True)


async def test_config_check_and_the_doctor_say_the_same(tmp_path: Path) -> None:
    config, settings = site(tmp_path)
    wanted = await check_default_plan(settings)
    assert wanted in await examine(config, {}, SystemClock())
    done = await asyncio.to_thread(CliRunner().invoke, app, ["config", "check", "-c", str(config)])
    assert done.exit_code == 0
    line = f"warning: billing.default_plan: {wanted.found}: {wanted.mend}"
    assert line in done.output.splitlines()


async def test_config_check_is_silent_about_a_good_one(tmp_path: Path) -> None:
    config, _ = site(tmp_path)
    await stored(tmp_path, Plan("free", limits=Limits(max_calls=1)))
    done = await asyncio.to_thread(CliRunner().invoke, app, ["config", "check", "-c", str(config)])
    assert (done.exit_code, "default_plan" in done.output) == (0, False)

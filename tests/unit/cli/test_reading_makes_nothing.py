"""Without a daemon and a database, a command that reads creates no database."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from pbxbilling.cli.connection import ask
from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.backup import copy_database
from pbxbilling.web.api import COMMANDS

READING = sorted(
    name
    for name, command in COMMANDS.items()
    if not (command.writes or command.needs_daemon or command.about_payments)
)
DRY_RUNS = ("apply", "import", "daily-check", "purge", "plan-change")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "pbxbilling.toml"
    file.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/pbxbilling.db"\n'
        f'[http]\nadmin = "{tmp_path}/admin.sock"\n'
    )
    return file


def _given(**given: Any) -> defaultdict[str, Any]:
    return defaultdict(lambda: None, given)


def test_there_are_such_commands() -> None:
    assert {"tenants", "usage", "decisions", "statements", "export"} <= set(READING)


@pytest.mark.parametrize("name", READING)
def test_a_command_that_reads_makes_no_database_and_says_who_does(name: str, config: Path) -> None:
    told = rf"{config.parent}/pbxbilling.db is not there yet: the daemon makes it .*enable --now"
    with pytest.raises(StoreError, match=told):
        ask(config, name, _given())
    assert list(config.parent.iterdir()) == [config]


@pytest.mark.parametrize("name", DRY_RUNS)
def test_neither_does_one_that_only_prints(name: str, config: Path) -> None:
    with pytest.raises(StoreError, match="is not there yet"):
        ask(config, name, _given(dry_run=True))
    assert not (config.parent / "pbxbilling.db").exists()


def test_an_empty_file_is_no_database_to_read(config: Path) -> None:
    database = config.parent / "pbxbilling.db"
    database.touch()
    with pytest.raises(StoreError, match="is not there yet"):
        ask(config, "tenants", {})
    assert database.stat().st_size == 0


def test_there_is_nothing_to_copy_either(config: Path) -> None:
    with pytest.raises(StoreError, match="is not there yet"):
        copy_database(config.parent / "pbxbilling.db", config.parent / "copy.db")
    assert list(config.parent.iterdir()) == [config]


def test_one_that_writes_makes_it(config: Path) -> None:
    ask(config, "apply", {"text": "[plan.p]\n", "source": "a.toml", "dry_run": False})
    assert [plan["plan"] for plan in ask(config, "plans", {})] == ["p"]

"""Without a daemon and a database, a command that reads creates no database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from pbxbilling.cli.connection import ApiRequest, Query, get, put, send
from pbxbilling.kernel.errors import StoreError
from pbxbilling.store.database.sqlite.backup import copy_database
from pbxbilling.web.api import ROUTES

READING = [
    route
    for route in ROUTES
    if route.methods == {"GET"} and "x-needs-daemon" not in (route.openapi_extra or {})
]
DRY_RUNS = {
    "/accounts": ("PUT", {"text": "", "source": "a.toml"}),
    "/accounts/tenants.csv": ("PUT", {"text": "", "source": "a.csv"}),
    "/daily-check": ("POST", {}),
    "/purge": ("POST", {}),
    "/tenants/acme/plan-changes": ("POST", {"plan": "p"}),
}
QUERY: dict[str, Query] = {"tenant": "acme", "month": "2026-11"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "pbxbilling.toml"
    file.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/pbxbilling.db"\n'
        f'[http]\nadmin = "{tmp_path}/admin.sock"\n'
    )
    return file


def test_there_are_such_routes() -> None:
    assert {"tenants", "usage", "decisions", "statements", "plans"} <= {one.name for one in READING}


@pytest.mark.parametrize("route", READING, ids=lambda route: route.path)
def test_a_request_that_reads_makes_no_database_and_says_who_does(
    route: APIRoute, config: Path
) -> None:
    told = (
        rf"{config.parent}/pbxbilling.db does not exist yet: the daemon creates it .*enable --now"
    )
    path = re.sub(r"\{\w+\}", "acme", route.path)
    with pytest.raises(StoreError, match=told):
        get(config, path, **QUERY)
    assert list(config.parent.iterdir()) == [config]


@pytest.mark.parametrize("path", DRY_RUNS)
def test_neither_does_one_that_only_prints(path: str, config: Path) -> None:
    method, body = DRY_RUNS[path]
    with pytest.raises(StoreError, match="does not exist yet"):
        send(config, ApiRequest(method, path, body={**body, "dry_run": True}))
    assert not (config.parent / "pbxbilling.db").exists()


def test_an_empty_file_is_no_database_to_read(config: Path) -> None:
    database = config.parent / "pbxbilling.db"
    database.touch()
    with pytest.raises(StoreError, match="does not exist yet"):
        get(config, "/tenants")
    assert database.stat().st_size == 0


def test_there_is_nothing_to_copy_either(config: Path) -> None:
    with pytest.raises(StoreError, match="does not exist yet"):
        copy_database(config.parent / "pbxbilling.db", config.parent / "copy.db")
    assert list(config.parent.iterdir()) == [config]


def test_one_that_writes_makes_it(config: Path) -> None:
    put(config, "/accounts", text="[plan.p]\n", source="a.toml")
    assert [plan["plan"] for plan in get(config, "/plans")] == ["p"]

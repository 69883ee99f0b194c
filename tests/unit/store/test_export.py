"""A tenant's export holds all its data, none of another tenant's, and is never partial."""

from __future__ import annotations

import json
import os
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin, SetBy
from pbxbilling.accounts.records import PlanSwitched
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.live.records import PbxMark
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.records import Record
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store import schema
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.export import NothingHeldError, export_tenant, is_instant
from pbxbilling.store.store import SqlStore
from pbxbilling.subscriptions.subscription import BillingCycle
from tests.support.billing.records import DECEMBER, NOVEMBER, billed, one_off, saved
from tests.support.kernel.actors import audited
from tests.support.store.records import NOON, after, call, decision, ended_leg
from tests.support.subscriptions.records import customer, event, invoice, subscription

OF_NOBODY = {"account_version", "commit_number", "lease", "plan", "pbx_mark", "cursor"}
OF_NOBODY |= {"custom_role", "kept_answer"}
AMOUNTS = {
    *("talk_us", "billed_s", "allowance_s", "included_s", "charged_s", "used", "limit", "calls"),
    *("setup_fee", "overage_per_minute_micros", "price_per_call_micros", "rate_micros"),
    *("fee_micros", "total", "net", "tax", "amount", "journal_offset", "minutes", "id"),
    *("ledger_minutes", "units", "totp_step"),
}


def held_on(tenant: str) -> list[Record]:
    """Return a record of every kind."""
    return [
        Tenant(tenant, "pro", email=f"{tenant}@example.com"),
        KeyOrigin(AccountKind.TENANT, tenant, "plan", SetBy.COMMAND, NOON),
        KeyOrigin(AccountKind.PLAN, tenant, "name", SetBy.COMMAND, NOON),
        call(tenant, tenant=tenant),
        ended_leg(f"{tenant}.1", tenant=tenant),
        decision(tenant=tenant),
        audited(NOON, "root", "apply", f"tenant {tenant}", None, {"plan": "pro"}),
        audited(NOON, "root", "usage assign", "leg x", None, {"tenant": tenant}),
        subscription(f"sub_{tenant}", tenant=tenant),
        customer(f"cus_{tenant}", tenant=tenant),
        invoice(f"in_{tenant}", tenant=tenant),
        event(f"evt_{tenant}", about=f"sub_{tenant}"),
        event(f"evt2_{tenant}", about=f"cus_{tenant}"),
        saved(tenant=tenant),
        billed(f"{tenant}.1", tenant=tenant),
        one_off(tenant=tenant),
        PlanSwitched(tenant, after(1), "starter", "pro"),
        BillingCycle(f"in_{tenant}", tenant, f"sub_{tenant}", NOVEMBER, DECEMBER),
    ]


async def exported(
    place: DatabaseUrl, folder: Path, tenant: str
) -> dict[str, list[dict[str, Any]]]:
    """Return a tenant's export, by table, from a database that has two tenants."""
    database = database_at(place)
    async with await SqlStore.open(database) as store:
        await store.commit([Plan("pro"), PbxMark("main", NOON)])
        await store.commit([*held_on("acme"), *held_on("globex")])
        await export_tenant(database, tenant, folder / "out.zip", NOON)
    with zipfile.ZipFile(folder / "out.zip") as archive:
        return {
            Path(name).stem: [json.loads(line) for line in archive.read(name).splitlines()]
            for name in archive.namelist()
            if name.endswith(".jsonl")
        }


async def test_everything_of_it_is_there_and_nothing_of_another(
    shared_place: DatabaseUrl, tmp_path: Path
) -> None:
    tables = await exported(shared_place, tmp_path, "acme")
    empty = {name for name, rows in tables.items() if not rows}
    assert empty <= {"purged_usage", "meter_event"} | new_tables()
    assert set(tables) == {table.name for table in schema.metadata.sorted_tables} - OF_NOBODY
    assert (len(tables["audit"]), len(tables["letter"])) == (2, 2)
    assert [row["kind"] for row in tables["key_origin"]] == ["tenant"]
    assert "globex" not in json.dumps(tables)
    assert oct((tmp_path / "out.zip").stat().st_mode)[-3:] == "600"


def new_tables() -> set[str]:
    """Return tables with tenant data that get no record above."""
    known = {"tenant", "call", "leg", "decision", "audit", "subscription", "customer", "invoice"}
    known |= {"letter", "statement", "statement_leg", "one_off", "plan_switch", "billing_cycle"}
    known |= {"key_origin"}
    return {table.name for table in schema.metadata.sorted_tables} - known


async def test_instants_are_told_as_such_and_amounts_are_not(
    shared_place: DatabaseUrl, tmp_path: Path
) -> None:
    tables = await exported(shared_place, tmp_path, "acme")
    (leg,), (sold,) = tables["leg"], tables["subscription"]
    assert datetime.fromisoformat(leg["answered_at"]) == after(2)
    assert leg["talk_us"] == 60_000_000
    assert datetime.fromisoformat(sold["as_of"]) == NOON


def test_every_number_in_the_schema_is_an_instant_or_an_amount() -> None:
    numbers = {
        column.name
        for table in schema.metadata.sorted_tables
        if table.name not in OF_NOBODY
        for column in table.c
        if isinstance(column.type, BigInteger)
    }
    assert {name for name in numbers if not is_instant(name)} <= AMOUNTS
    assert not {name for name in AMOUNTS if is_instant(name)}


async def test_a_tenant_that_nobody_has_leaves_no_file(
    shared_place: DatabaseUrl, tmp_path: Path
) -> None:
    with pytest.raises(NothingHeldError):
        await exported(shared_place, tmp_path, "initech")
    assert not [name for name in os.listdir(tmp_path) if "out.zip" in name]


async def test_no_file_loses_its_place(shared_place: DatabaseUrl, tmp_path: Path) -> None:
    (tmp_path / "out.zip").write_text("mine")
    with pytest.raises(StoreError, match="exists"):
        await exported(shared_place, tmp_path, "acme")
    assert (tmp_path / "out.zip").read_text() == "mine"

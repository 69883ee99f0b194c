"""Rows that another process prepared are the rows that the store would have written itself."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from pbxbilling.accounts.key_origin import AccountKind
from pbxbilling.accounts.records import TermsChanged
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.records import BilledLeg, SavedStatement
from pbxbilling.calls.live.records import LegAssigned, LegRecord
from pbxbilling.calls.metering.usage_event import LegMetered, MeterEventsUnparked
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.records import Record
from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.prepared import PreparedRows
from pbxbilling.store.rows.accounts import from_prepared
from pbxbilling.store.store import SqlStore
from tests.support.kernel.every_field import differing
from tests.support.kernel.leaves import leaves
from tests.support.kernel.samples import AT, another, sample
from tests.support.store.database import create

OF_LEGS = {LegRecord, LegAssigned, LegMetered, BilledLeg, MeterEventsUnparked}
KINDS = sorted(leaves(Record) - {PreparedRows}, key=lambda kind: kind.__name__)


def dump(database: Path) -> list[str]:
    with closing(connect(database)) as opened:
        return list(opened.iterdump())


def one_of(kind: type[Record]) -> Record:
    if kind is SavedStatement:
        period = {"begins": AT, "ends": another(AT), "made_at": AT, "currency": "EUR"}
        amounts = {"net": 1, "tax": 2, "total": 3, "document": {"lines": [1, "ä"]}}
        return SavedStatement("acme", "2026-11", 0, **period, **amounts)  # type: ignore[arg-type]
    if kind is TermsChanged:
        return TermsChanged(AccountKind.PLAN, "basic", AT, {"price": "1.00"})
    return sample(kind) if kind in OF_LEGS else differing(kind)


async def test_prepared_rows_of_every_kind_are_written_alike(tmp_path: Path) -> None:
    records = [one_of(kind) for kind in KINDS]
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    for database in (one, other):
        create(database)
    async with (
        await SqlStore.open(SqliteFile(one)) as store,
        await SqlStore.open(SqliteFile(other)) as maker,
    ):
        prepared = list(maker.prepare(records))
        assert {rows.kind for rows in prepared} == {kind.__name__ for kind in KINDS}
        await store.commit(prepared)
        await maker.commit(records)
    assert dump(one) == dump(other)
    assert any("\\u00e4" in line for line in dump(one))


@pytest.mark.parametrize(
    "record", [differing(Plan), Plan("free"), differing(Tenant), Tenant("globex", "free")]
)
async def test_accounts_come_out_of_their_prepared_rows(
    record: Plan | Tenant, tmp_path: Path
) -> None:
    create(tmp_path / "one.db")
    async with SqlStore.read_only(SqliteFile(tmp_path / "one.db")) as store:
        (rows,) = store.prepare([record])
        assert list(from_prepared(rows)) == [record]


async def test_who_only_reads_cannot_write(tmp_path: Path) -> None:
    create(tmp_path / "one.db")
    async with SqlStore.read_only(SqliteFile(tmp_path / "one.db")) as store:
        with pytest.raises(StoreError):
            await store.commit([Plan("free")])
        assert (await store.accounts()).plans == ()

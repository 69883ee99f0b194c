"""Rows that another process prepared are the rows that the store would have written itself."""

from __future__ import annotations

from pathlib import Path

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
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.prepared import PreparedRows
from pbxbilling.store.rows.accounts import from_prepared
from pbxbilling.store.store import SqlStore
from tests.support.kernel.every_field import differing
from tests.support.kernel.leaves import leaves
from tests.support.kernel.samples import AT, another, sample
from tests.support.store.database import MAKES, database_of, dump

OF_LEGS = {LegRecord, LegAssigned, LegMetered, BilledLeg, MeterEventsUnparked}
KINDS = sorted(leaves(Record) - {PreparedRows}, key=lambda kind: kind.__name__)


def one_of(kind: type[Record]) -> Record:
    if kind is SavedStatement:
        period = {"begins": AT, "ends": another(AT), "made_at": AT, "currency": "EUR"}
        amounts = {"net": 1, "tax": 2, "total": 3, "document": {"lines": [1, "ä"]}}
        return SavedStatement("acme", "2026-11", 0, **period, **amounts)  # type: ignore[arg-type]
    if kind is TermsChanged:
        return TermsChanged(AccountKind.PLAN, "basic", AT, {"price": "1.00"})
    return sample(kind) if kind in OF_LEGS else differing(kind)


@pytest.mark.parametrize("make", MAKES)
async def test_prepared_rows_of_every_kind_are_written_alike(make: str, tmp_path: Path) -> None:
    with (
        database_of(make, tmp_path, "one.db") as one,
        database_of(make, tmp_path, "other.db") as other,
    ):
        await written_alike(one, other)


async def written_alike(one: DatabaseUrl, other: DatabaseUrl) -> None:
    records = [one_of(kind) for kind in KINDS]
    async with (
        await SqlStore.open(database_at(one)) as store,
        await SqlStore.open(database_at(other)) as maker,
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
    record: Plan | Tenant, shared_place: DatabaseUrl
) -> None:
    async with SqlStore.read_only(database_at(shared_place)) as store:
        (rows,) = store.prepare([record])
        assert list(from_prepared(rows)) == [record]


async def test_who_only_reads_cannot_write(shared_place: DatabaseUrl) -> None:
    async with SqlStore.read_only(database_at(shared_place)) as store:
        with pytest.raises(StoreError):
            await store.commit([Plan("free")])
        assert (await store.accounts()).plans == ()

"""Every field of a record has a column, and comes back from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Table

from pbxbilling.accounts.key_origin import KeyOrigin
from pbxbilling.accounts.records import AuditRecord
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.live.records import CallRecord, DecisionRecord, PbxMark
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.records import Cursor, Record
from pbxbilling.store import schema
from pbxbilling.store.rows import accounts, calls, subscriptions
from pbxbilling.store.rows.row_mapper import RowMapper, same
from pbxbilling.subscriptions.events import WebhookEvent
from pbxbilling.subscriptions.subscription import BillingCycle, Customer, Invoice, Subscription
from tests.support.every_field import differing

MAPPERS: list[tuple[type[Record], RowMapper[Any], Table]] = [
    (Plan, accounts.PLAN, schema.plan),
    (Tenant, accounts.TENANT, schema.tenant),
    (KeyOrigin, accounts.KEY_ORIGIN, schema.key_origin),
    (AuditRecord, accounts.AUDIT, schema.audit),
    (PbxMark, calls.PBX_MARK, schema.pbx_mark),
    (Subscription, subscriptions.SUBSCRIPTION, schema.subscription),
    (Customer, subscriptions.CUSTOMER, schema.customer),
    (Invoice, subscriptions.INVOICE, schema.invoice),
    (BillingCycle, subscriptions.BILLING_CYCLE, schema.billing_cycle),
    (WebhookEvent, subscriptions.WEBHOOK_EVENT, schema.webhook_event),
    (Cursor, subscriptions.CURSOR, schema.cursor),
]

# Rows of plans and tenants are read as JSON arrays; the store's contract reads those.
BY_NAME: list[tuple[type[Record], Callable[[Any], Any], Callable[[Any], Any]]] = [
    *((record, one.values, one.record) for record, one, _ in MAPPERS[2:]),
    (CallRecord, calls.call_values, calls.call_record),
    (DecisionRecord, calls.decision_values, calls.decision_record),
]


@pytest.mark.parametrize(("record", "mapper", "table"), MAPPERS)
def test_the_columns_are_those_of_the_table(
    record: type[Record], mapper: RowMapper[Any], table: Table
) -> None:
    numbered = {column.name for column in table.c if column.name == "id" and table is schema.audit}
    assert set(mapper.columns) == {column.name for column in table.c} - numbered
    assert set(mapper.values(differing(record))) == set(mapper.columns)


@pytest.mark.parametrize(("record", "values", "read"), BY_NAME)
def test_a_record_comes_back_with_every_field(
    record: type[Record], values: Callable[[Any], Any], read: Callable[[Any], Any]
) -> None:
    written = differing(record)
    assert read(SimpleNamespace(**values(written))) == written


@dataclass(frozen=True, slots=True)
class Sample(Record):
    a: int
    b: int


@pytest.mark.parametrize(
    ("names", "astray"), [(("a",), "'b'"), (("a", "b", "c"), "'c'"), (("a", "a", "b"), "a")]
)
def test_a_mapping_that_forgets_a_field_is_refused(names: tuple[str, ...], astray: str) -> None:
    with pytest.raises(TypeError, match=astray):
        RowMapper(Sample, *same(*names))


def test_no_rows_are_no_records() -> None:
    assert list(RowMapper(Sample, *same("a", "b")).records([])) == []

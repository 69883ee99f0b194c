"""A table's rows are mapped whole: each column has the field of its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    insert,
    select,
)

from pbxbilling.accounts.key_origin import KeyOrigin
from pbxbilling.accounts.records import AuditRecord
from pbxbilling.calls.live.records import CallRecord, DecisionRecord, PbxMark
from pbxbilling.kernel.records import Cursor, Record
from pbxbilling.store import schema
from pbxbilling.store.rows import accounts, calls, subscriptions
from pbxbilling.store.rows.table_rows import TableRows
from pbxbilling.subscriptions.events import WebhookEvent
from pbxbilling.subscriptions.subscription import BillingCycle, Customer, Invoice, Subscription
from tests.support.kernel.every_field import differing

NAMED = Table("named", MetaData(), Column("id", Integer), Column("name", String))


@dataclass
class Named:
    name: str


@pytest.fixture
def database() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    schema.metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    ("record", "rows"),
    [
        (KeyOrigin, accounts.KEY_ORIGIN),
        (AuditRecord, accounts.AUDIT),
        (CallRecord, calls.CALL),
        (DecisionRecord, calls.DECISION),
        (PbxMark, calls.MARK),
        (Subscription, subscriptions.SUBSCRIPTION),
        (Customer, subscriptions.CUSTOMER),
        (Invoice, subscriptions.INVOICE),
        (BillingCycle, subscriptions.CYCLE),
        (WebhookEvent, subscriptions.WEBHOOK_EVENT),
        (Cursor, subscriptions.CURSOR),
    ],
)
def test_a_record_comes_back_with_every_field(
    record: type[Record], rows: TableRows[Any], database: Connection
) -> None:
    written = differing(record)
    database.execute(insert(rows.table).values(rows.values(written)))
    (row,) = database.execute(select(rows.table))
    assert rows.record(row) == written


def test_a_column_without_a_field_is_refused_unless_it_is_left_out() -> None:
    with pytest.raises(KeyError, match="id"):
        TableRows(Named, NAMED, {})
    assert TableRows(Named, NAMED, {}, unmapped={"id"}).values(Named("a")) == {"name": "a"}


def test_a_field_without_a_column_is_refused() -> None:
    with pytest.raises(ValueError, match="name"):
        TableRows(Named, Table("bare", MetaData(), Column("id", Integer)), {}, unmapped={"id"})

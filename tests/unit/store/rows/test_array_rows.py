"""Plans and tenants are mapped whole: every field has its column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Table

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.records import Record
from pbxbilling.store import schema
from pbxbilling.store.rows import accounts
from pbxbilling.store.rows.array_rows import ArrayRows, Mapped
from tests.support.kernel.every_field import differing


@pytest.mark.parametrize(
    ("record", "rows", "table"),
    [(Plan, accounts.PLAN, schema.plan), (Tenant, accounts.TENANT, schema.tenant)],
)
def test_the_columns_are_those_of_the_table(
    record: type[Record], rows: ArrayRows[Any], table: Table
) -> None:
    assert set(rows.columns) == {column.name for column in table.c}
    assert set(rows.values(differing(record))) == set(rows.columns)


@dataclass(frozen=True, slots=True)
class Sample(Record):
    a: int
    b: int


@pytest.mark.parametrize(
    ("names", "astray"), [(("a",), "'b'"), (("a", "b", "c"), "'c'"), (("a", "a", "b"), "a")]
)
def test_a_mapping_that_forgets_a_field_is_refused(names: tuple[str, ...], astray: str) -> None:
    with pytest.raises(TypeError, match=astray):
        ArrayRows(Sample, *map(Mapped, names))


def test_no_rows_are_no_records() -> None:
    assert list(ArrayRows(Sample, Mapped("a"), Mapped("b")).records([])) == []

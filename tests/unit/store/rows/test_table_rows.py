"""A table's rows are mapped whole: each column has the field of its name."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table

from pbxbilling.store.rows.table_rows import TableRows

NAMED = Table("named", MetaData(), Column("id", Integer), Column("name", String))


@dataclass
class Named:
    name: str


def test_a_column_without_a_field_is_refused_unless_it_is_left_out() -> None:
    with pytest.raises(KeyError, match="id"):
        TableRows(Named, NAMED, {})
    assert TableRows(Named, NAMED, {}, unmapped={"id"}).values(Named("a")) == {"name": "a"}


def test_a_field_without_a_column_is_refused() -> None:
    with pytest.raises(ValueError, match="name"):
        TableRows(Named, Table("bare", MetaData(), Column("id", Integer)), {}, unmapped={"id"})

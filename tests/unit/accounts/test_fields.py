"""The tables of fields have every field of a plan and of a tenant, once."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import pytest

from pbxbilling.accounts.fields import FIELDS
from pbxbilling.accounts.file_format import as_written, file_key
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan

RECORDS = [Plan, Tenant]


@pytest.mark.parametrize("record", RECORDS)
def test_the_table_has_every_field_once_and_no_other(record: type[Plan | Tenant]) -> None:
    listed = [field.name for field in FIELDS[record]]
    assert sorted(listed) == sorted(field.name for field in fields(record))


@pytest.mark.parametrize("record", RECORDS)
def test_no_two_fields_have_the_same_key(record: type[Plan | Tenant]) -> None:
    keys = Counter(key for field in FIELDS[record] for key in field.keys)
    assert set(keys.values()) == {1}


@pytest.mark.parametrize("record", [Plan("pro"), Tenant("acme", "pro")])
def test_every_key_of_a_field_is_shown_and_a_lived_one_is_set_by_its_own_or_none(
    record: Plan | Tenant,
) -> None:
    written = as_written(record)
    for field in FIELDS[type(record)]:
        assert set(field.keys) <= set(written)
        assert {file_key(key) for key in field.keys} <= (
            {field.set_by} if field.lived else set(field.keys)
        )

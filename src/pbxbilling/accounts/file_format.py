"""Plans and tenants in the accounts file's keys and plain values, for diffs, audit and export.

Which keys there are follows from `fields.py`, how each is spelled from `kinds.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pbxbilling.accounts.fields import FIELDS
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan

# The accounts file's key that sets each key of `as_written`; those that none sets are missing.
_SET_BY: Mapping[str, str] = {
    key: field.set_by if field.lived else key
    for table in FIELDS.values()
    for field in table
    for key in field.keys
}

# Fields that are None unless they are set: the file has no value for that.
_UNSET: Mapping[type[Plan | Tenant], frozenset[str]] = {
    record: frozenset(f.name for f in fields(record) if f.default is None) for record in FIELDS
}


def file_key(key: str) -> str:
    """Return the accounts file's key that sets a key of `as_written`; "" where none does."""
    return _SET_BY.get(key, "")


def as_written(record: Plan | Tenant) -> dict[str, Any]:
    """Return a plan or tenant in the accounts file's keys and plain JSON values."""
    kind, currency = type(record), record.currency if isinstance(record, Plan) else ""
    unset = _UNSET[kind]
    written: dict[str, Any] = {}
    for field in FIELDS[kind]:
        value = getattr(record, field.name)
        if field.kind.keys is not None:
            written |= field.kind.write(value, currency)
        else:
            is_unset = value is None and field.name in unset
            plain = None if is_unset else field.kind.write(value, currency)
            written[field.key or field.name] = plain
    return written


def plan_as_read(slug: str, stated: Mapping[str, Any]) -> Plan:
    """Build a plan from the keys that a file states; the others have their defaults."""
    return Plan(slug, **_fields_as_read(Plan, stated, stated.get("currency", Plan(slug).currency)))


def tenant_as_read(slug: str, stated: Mapping[str, Any]) -> Tenant:
    """Build a tenant from the keys that a file states, with nothing that is lived.

    `plan` and `timezone` are "" where the file does not state them: the present ones apply.
    """
    unstated = {"plan": "", "timezone": ""}
    return Tenant(slug, **unstated | _fields_as_read(Tenant, stated, ""))


def _fields_as_read(
    record: type[Plan | Tenant], stated: Mapping[str, Any], currency: str
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for field in FIELDS[record]:
        given = {} if field.lived else {key: stated[key] for key in field.keys if key in stated}
        if given:
            (plain,) = (given,) if field.kind.keys is not None else given.values()
            made[field.name] = field.kind.read(plain, currency)
    return made

"""Plans and tenants in the accounts file's keys and plain values, for diffs, audit and export.

Which keys there are follows from `fields.py`, how each is spelled from `kinds.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pbxbilling.accounts.fields import FIELDS, Field
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan

# The accounts file's key that sets each key of `as_written`; those that none sets are missing.
_SET_BY: Mapping[str, str] = {
    key: field.set_by if field.lived else key
    for table in FIELDS.values()
    for field in table
    for key in field.keys
}

# The field that each of the accounts file's keys sets.
_BY_KEY: Mapping[type[Plan | Tenant], Mapping[str, Field]] = {
    record: {key: field for field in table if not field.lived for key in field.keys}
    for record, table in FIELDS.items()
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


def field_as_written(field: Field, written: Mapping[str, Any], currency: str) -> Any:
    """Return the value of a field from keys and values of `as_written`, as it was before that."""
    if field.kind.keys is not None:
        stated = {key: written[key] for key in field.keys if written[key] is not None}
        return field.kind.read(stated, currency)
    value = written[field.key or field.name]
    return None if value is None else field.kind.read(value, currency)


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
    together: dict[Field, dict[str, Any]] = {}
    for key, plain in stated.items():
        field = _BY_KEY[record].get(key)
        if field is None:  # lived
            continue
        if field.kind.keys is None:
            made[field.name] = field.kind.read(plain, currency)
        else:
            together.setdefault(field, {})[key] = plain
    return made | {one.name: one.kind.read(plain, currency) for one, plain in together.items()}

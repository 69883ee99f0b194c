"""What plans and tenants were: their billed terms at an instant, by what changed since.

A statement charges what was in force, so a change never reaches back: neither into the part of an
open period that is past, nor into a period that has ended and is not saved yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from pbxbilling.accounts.apply import Change, FieldChange, TenantChange
from pbxbilling.accounts.fields import FIELDS, Field
from pbxbilling.accounts.file_format import as_written, field_as_written
from pbxbilling.accounts.key_origin import AccountKind
from pbxbilling.accounts.records import TermsChanged
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan

_Subject = TypeVar("_Subject", Plan, Tenant)

_KINDS: Mapping[type[Plan | Tenant], AccountKind] = {
    Plan: AccountKind.PLAN,
    Tenant: AccountKind.TENANT,
}

# The billed field that each key of `as_written` belongs to.
_BILLED: Mapping[type[Plan | Tenant], Mapping[str, Field]] = {
    record: {key: field for field in table if field.billed for key in field.keys}
    for record, table in FIELDS.items()
}


def terms_changed(
    change: Change, fields: Iterable[FieldChange], now: datetime
) -> TermsChanged | None:
    """Return what to keep of a change; None where no statement depends on what it changes."""
    before, after = change.before, change.after
    if before is None:
        return None
    billed = _BILLED[type(after)]
    were = {one.key: one.before for one in fields if one.key in billed}
    return TermsChanged(_kind(after), after.slug, _since(change, now), were) if were else None


def _since(change: Change, now: datetime) -> datetime:
    """Return since when a change holds: a status may be known later than it began."""
    if not isinstance(change, TenantChange) or change.before is None:
        return now
    since = change.after.status_since
    if since is None or since == change.before.status_since:
        return now
    return min(since, now)


def as_it_was(subject: _Subject, changes: Sequence[TermsChanged], at: datetime) -> _Subject:
    """Return a plan or tenant with the billed terms that it had at an instant.

    `changes` are in the order in which they were written, those of others among them: what was
    written last is known best, so a change that was dated back hides an earlier one.
    """
    was: dict[str, Any] = {}
    settled: set[str] = set()
    for change in reversed(changes_of(subject, changes)):
        keys = change.before.keys() - settled
        if change.at <= at:
            settled |= keys
        else:
            was |= {key: change.before[key] for key in keys}
    return _with_terms(subject, was) if was else subject


def changes_of(subject: Plan | Tenant, changes: Iterable[TermsChanged]) -> list[TermsChanged]:
    """Return those of a plan or tenant among changes."""
    kind = _kind(subject)
    return [one for one in changes if one.kind is kind and one.slug == subject.slug]


def _kind(subject: Plan | Tenant) -> AccountKind:
    return _KINDS[type(subject)]


def _with_terms(subject: _Subject, was: Mapping[str, Any]) -> _Subject:
    written = {**as_written(subject), **was}
    billed = _BILLED[type(subject)]
    currency = written.get("currency", "")
    touched = {billed[key] for key in was if key in billed}
    values = {one.name: field_as_written(one, written, currency) for one in touched}
    return replace(subject, **values)

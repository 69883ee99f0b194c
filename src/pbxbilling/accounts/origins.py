"""Derive the origins of keys (who set them last) from changes, to be saved with each change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from pbxbilling.accounts.apply import Change, FieldChange
from pbxbilling.accounts.file_format import file_key
from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin, SetBy
from pbxbilling.catalog.plan import Plan


def origins_of(
    change: Change, fields: Iterable[FieldChange], by: SetBy, at: datetime
) -> Iterator[KeyOrigin]:
    """Yield an origin for each key in `fields`; where a file adds the subject, of stated keys."""
    keys = {file_key(one.key) for one in fields}
    if change.before is None and change.stated is not None:
        keys &= change.stated
    kind, slug = _name(change)
    for key in sorted(keys - {""}):
        yield KeyOrigin(kind, slug, key, by, at)


def taken_over(
    changes: Sequence[Change], others: Iterable[KeyOrigin], at: datetime
) -> Iterator[KeyOrigin]:
    """Yield new origins for the keys of `others`, last set otherwise, that the file now states."""
    stated = {_name(change): change.stated for change in changes if change.stated}
    for origin in others:
        if origin.key in stated.get((origin.kind, origin.slug), ()):
            yield replace(origin, by=SetBy.FILE, at=at)


def _name(change: Change) -> tuple[AccountKind, str]:
    kind = AccountKind.PLAN if isinstance(change.after, Plan) else AccountKind.TENANT
    return kind, change.after.slug

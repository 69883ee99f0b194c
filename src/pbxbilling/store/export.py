"""Exports all data held on one tenant as a zip of JSON lines, one file per table.

Every table with a `tenant` column is included by itself; a table that names the tenant in another
way has a rule here.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, Table, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxbilling.accounts.key_origin import AccountKind
from pbxbilling.kernel.errors import StoreError
from pbxbilling.store import schema
from pbxbilling.store.database.database import Database
from pbxbilling.store.database.new_file import new_file
from pbxbilling.store.rows.dialects import member
from pbxbilling.store.rows.values import instant

ROWS_AT_ONCE = 500
_SECRET = frozenset({"password", "totp", "totp_step", "recovery", "digest"})  # nobody's to read
_INSTANTS = frozenset({"at", "as_of", "begins", "ends", "gone_by", "period_start", "period_end"})
_INSTANT_ENDS = ("_at", "_since", "_until")


async def export_tenant(
    source: Database, tenant: str, target: Path, at: datetime
) -> Mapping[str, int]:
    """Write what the database holds on a tenant into a new file; return the row count per table.

    All of it comes from one snapshot, while others use the database, with few rows in memory at a
    time. Raises `StoreError` as `new_file` does, and `NothingHeldError` where there is no data.
    """
    with new_file(target) as partial, zipfile.ZipFile(partial, "w", _DEFLATED) as archive:
        async with source.looked_at() as snapshot:
            return await _write(snapshot, archive, tenant, at)


_DEFLATED = zipfile.ZIP_DEFLATED


async def _write(
    snapshot: AsyncConnection, archive: zipfile.ZipFile, tenant: str, at: datetime
) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for table, query in _queries(tenant):
        name = str(table.name)  # SQLAlchemy's subclass of str: not every encoder accepts it
        with archive.open(f"{name}.jsonl", "w", force_zip64=True) as lines:
            counts[name] = 0
            async with snapshot.stream(query) as rows:
                async for part in rows.partitions(ROWS_AT_ONCE):
                    for row in part:
                        lines.write(json.dumps(_plain(row), ensure_ascii=False).encode() + b"\n")
                    counts[name] += len(part)
    if not any(counts.values()):
        raise NothingHeldError(tenant)
    about = {"tenant": tenant, "at": at.isoformat(), "rows": counts}
    archive.writestr("about.json", json.dumps(about, indent=2))
    return counts


class NothingHeldError(StoreError):
    """The database holds nothing on a tenant of that name."""

    def __init__(self, tenant: str) -> None:
        super().__init__(
            f"nothing is stored about a tenant {tenant!r}; `pbxbilling tenants` lists all tenants"
        )


def _queries(tenant: str) -> Iterator[tuple[Table, Select[Any]]]:
    for table in schema.metadata.sorted_tables:
        if (by := _ABOUT.get(table.name)) is not None:
            yield table, by(tenant)
        elif "tenant" in table.c:
            shown = (column for column in table.c if column.name not in _SECRET)
            yield table, select(*shown).where(table.c.tenant == tenant)


def _account(tenant: str) -> Select[Any]:
    return select(schema.tenant).where(schema.tenant.c.slug == tenant)


def _origins(tenant: str) -> Select[Any]:
    row = schema.key_origin.c
    of_it = (row.kind == AccountKind.TENANT.value, row.slug == tenant)
    return select(schema.key_origin).where(*of_it)


def _audit(tenant: str) -> Select[Any]:
    """Select changes to the tenant and its subscriptions, and those that assigned it a leg."""
    row, subscription = schema.audit.c, schema.subscription.c
    subscriptions = select("subscription " + subscription.id).where(subscription.tenant == tenant)
    named = [member(side, "tenant") == tenant for side in (row.before, row.after)]
    about = or_(row.subject == f"tenant {tenant}", row.subject.in_(subscriptions), *named)
    return select(schema.audit).where(about).order_by(row.at)


def _events(tenant: str) -> Select[Any]:
    """Select the webhook events about its subscriptions and customers."""
    row, subscription, buyer = schema.webhook_event.c, schema.subscription.c, schema.customer.c
    subscriptions = select(subscription.id).where(subscription.tenant == tenant)
    customers = select(buyer.id).where(buyer.tenant == tenant)
    return select(schema.webhook_event).where(
        or_(row.about.in_(subscriptions), row.about.in_(customers))
    )


def _terms(tenant: str) -> Select[Any]:
    row = schema.terms_change.c
    of_it = (row.kind == AccountKind.TENANT.value, row.slug == tenant)
    return select(schema.terms_change).where(*of_it).order_by(row.id)


_ABOUT = {
    "tenant": _account,
    "key_origin": _origins,
    "terms_change": _terms,
    "audit": _audit,
    "letter": _events,
}


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row._asdict().items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, int) and is_instant(name):
        return instant(value).isoformat()
    return value


def is_instant(column: str) -> bool:
    """Return whether a number in a column of that name is an instant."""
    return column in _INSTANTS or column.endswith(_INSTANT_ENDS)

"""Maps plans, tenants, what they were, key origins and audit records to rows and back.

Plans and tenants are mapped field by field as `accounts/fields.py` lists them, each kind of value
as `schema/kinds.py` stores it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter, itemgetter
from typing import Any

from orjson import loads
from sqlalchemy import Executable, Row, Select, Table, select

from pbxbilling.accounts.key_origin import AccountKind, KeyOrigin, SetBy
from pbxbilling.accounts.records import AuditRecord, TermsChanged
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Plan
from pbxbilling.kernel.audit import ActorType, AuditEvent
from pbxbilling.runtime.flat import Codec, word
from pbxbilling.store import schema
from pbxbilling.store.prepared import PreparedRows
from pbxbilling.store.rows.array_rows import ArrayRows
from pbxbilling.store.rows.dialects import inserting, one_array
from pbxbilling.store.rows.table_rows import TableRows
from pbxbilling.store.rows.values import INSTANT, TEXT
from pbxbilling.store.schema.kinds import mapped

PLAN = ArrayRows(Plan, *mapped(Plan))
TENANT = ArrayRows(Tenant, *mapped(Tenant))

KEY_ORIGIN = TableRows(
    KeyOrigin,
    schema.key_origin,
    {"kind": word(AccountKind), "by": word(SetBy), "at": INSTANT},
)
TERMS_CHANGED = TableRows(
    TermsChanged,
    schema.terms_change,
    {"kind": word(AccountKind), "at": INSTANT, "before": Codec(write=dict)},
    unmapped={"id"},
)
_KNOWN_EVENTS = {event.value: event for event in AuditEvent}  # a later release may write others
AUDIT = TableRows(
    AuditRecord,
    schema.audit,
    {
        "at": INSTANT,
        "event": Codec(attrgetter("value"), _KNOWN_EVENTS.get).or_none,
        "subject": TEXT,
        "actor_type": word(ActorType),
        "actor": TEXT,
        "reason": TEXT,
        "before": Codec(write=dict).or_none,
        "after": Codec(write=dict).or_none,
    },
    unmapped={"id"},
)


def all_plans() -> Select[Any]:
    """Select every plan, ordered by slug, as one JSON array each; see `plans`."""
    return _all(schema.plan, PLAN)


def all_tenants() -> Select[Any]:
    """Select every tenant, ordered by slug, as one JSON array each; see `tenants`.

    There may be 100,000. Fetching each column separately takes twice as long, and SQLAlchemy's own
    conversion of the columns takes longer than everything else that a start reads.
    """
    return _all(schema.tenant, TENANT)


def _all(table: Table, mapper: ArrayRows[Any]) -> Select[Any]:
    return select(one_array(table.c[name] for name in mapper.columns)).order_by(table.c.slug)


def plans(rows: Iterable[Row[Any]]) -> Iterator[Plan]:
    """Build plans from rows of `all_plans`."""
    return PLAN.records(loads(row[0]) for row in rows)


def tenants(rows: Iterable[Row[Any]]) -> Iterator[Tenant]:
    """Build tenants from rows of `all_tenants`."""
    return TENANT.records(loads(row[0]) for row in rows)


def versions(rows: Iterable[Row[Any]]) -> Iterator[int]:
    """Yield the version of the accounts; there is none before the first change."""
    return (int(row.version) for row in rows)


def next_version(dialect: str) -> Executable:
    """Return the upsert that counts one version on, and returns it."""
    first = inserting(dialect, schema.account_version).values(id=1, version=1)
    counted = first.on_conflict_do_update(
        index_elements=["id"], set_={"version": schema.account_version.c.version + 1}
    )
    return counted.returning(schema.account_version.c.version)


def from_prepared(rows: PreparedRows) -> Iterator[Plan] | Iterator[Tenant]:
    """Build the plans or tenants of rows that are written as they are."""
    mapper: ArrayRows[Any] = PLAN if rows.kind == Plan.__name__ else TENANT
    in_order = itemgetter(*map(rows.columns.index, mapper.columns))
    return mapper.records(map(in_order, rows.rows))

"""Builds the statements that write records, in the order that a batch needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Executable,
    Table,
    and_,
    false,
    func,
    insert,
    not_,
    or_,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from pbxbilling.accounts.key_origin import KeyOrigin
from pbxbilling.accounts.records import AuditRecord, PlanSwitched, TermsChanged
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.records import BilledLeg, OneOffEntry, OneOffUsed, SavedStatement
from pbxbilling.billing.units import UnitsUsed
from pbxbilling.calls.live.records import (
    CallRecord,
    DecisionRecord,
    LegAssigned,
    LegRecord,
    PbxMark,
)
from pbxbilling.calls.metering.usage_event import LegMetered, MeterEventMoved, MeterEventsUnparked
from pbxbilling.catalog.plan import Plan
from pbxbilling.identity.people.user import CustomRole, RoleDeleted, User
from pbxbilling.identity.records import AnswersExpired, KeptAnswer
from pbxbilling.identity.tokens.token import Token
from pbxbilling.kernel.records import Cursor, Record
from pbxbilling.payments.records import InvoiceRun
from pbxbilling.store import identity, invoice_runs, schema
from pbxbilling.store.prepared import Prepared, PreparedRows
from pbxbilling.store.rows import (
    accounts as account_rows,
)
from pbxbilling.store.rows import (
    calls as call_rows,
)
from pbxbilling.store.rows import (
    statements as bill_rows,
)
from pbxbilling.store.rows import (
    subscriptions as mirror_rows,
)
from pbxbilling.store.rows import (
    usage_events as meter_rows,
)
from pbxbilling.store.rows.dialects import inserting
from pbxbilling.store.rows.values import Values
from pbxbilling.subscriptions.events import EventMoved, WebhookEvent
from pbxbilling.subscriptions.subscription import BillingCycle, Customer, Invoice, Subscription

# Rows per statement: binding that many blocks the event loop for about 2 ms.
CHUNK = 200

_Columns = ReadOnlyColumnCollection[str, Any]
_Condition = Callable[[_Columns], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class _Write:
    """The statement for records of one kind, and how a record becomes its values."""

    statement: Executable
    values: Callable[[Any], Values]


class Writes:
    """The write statements for each kind of record, in one database's dialect."""

    def __init__(self, of: Dialect) -> None:
        dialect = of.name
        self._dialect = of
        self._prepared: dict[str, Prepared] = {}

        def upsert(table: Table, when: _Condition | None = None) -> Executable:
            return _upsert(dialect, table, when)

        self._by_kind: dict[type, _Write] = {
            CallRecord: _Write(upsert(schema.call, _call_gives_way), call_rows.CALL.values),
            LegRecord: _Write(upsert(schema.leg, _leg_gives_way), call_rows.LEG.values),
            LegAssigned: _Write(call_rows.assign(), call_rows.assigned_values),
            DecisionRecord: _Write(insert(schema.decision), call_rows.DECISION.values),
            AuditRecord: _Write(insert(schema.audit), account_rows.AUDIT.values),
            PbxMark: _Write(upsert(schema.pbx_mark), call_rows.MARK.values),
            Plan: _Write(upsert(schema.plan), account_rows.PLAN.values),
            Tenant: _Write(upsert(schema.tenant), account_rows.TENANT.values),
            KeyOrigin: _Write(upsert(schema.key_origin), account_rows.KEY_ORIGIN.values),
            Subscription: _Write(upsert(schema.subscription), mirror_rows.SUBSCRIPTION.values),
            Customer: _Write(upsert(schema.customer), mirror_rows.CUSTOMER.values),
            Invoice: _Write(upsert(schema.invoice, _invoice_is_later), mirror_rows.INVOICE.values),
            WebhookEvent: _Write(
                _insert_first(dialect, schema.webhook_event), mirror_rows.WEBHOOK_EVENT.values
            ),
            EventMoved: _Write(mirror_rows.move(), mirror_rows.moved_values),
            Cursor: _Write(upsert(schema.cursor), mirror_rows.CURSOR.values),
            SavedStatement: _Write(insert(schema.statement), bill_rows.STATEMENT.values),
            BilledLeg: _Write(insert(schema.statement_leg), bill_rows.BILLED_LEG.values),
            OneOffEntry: _Write(insert(schema.one_off), bill_rows.ONE_OFF.values),
            OneOffUsed: _Write(bill_rows.use_one_off(), bill_rows.used_values),
            TermsChanged: _Write(insert(schema.terms_change), account_rows.TERMS_CHANGED.values),
            PlanSwitched: _Write(upsert(schema.plan_switch), bill_rows.SWITCH.values),
            LegMetered: _Write(
                meter_rows.metered(inserting(dialect, schema.meter_event)),
                meter_rows.metered_values,
            ),
            UnitsUsed: _Write(insert(schema.generic_usage), bill_rows.UNITS.values),
            User: _Write(upsert(schema.user), identity.USER.values),
            CustomRole: _Write(upsert(schema.custom_role), identity.ROLE.values),
            AnswersExpired: _Write(identity.expire_answers(), identity.expired_values),
            KeptAnswer: _Write(upsert(schema.kept_answer), identity.KEPT_ANSWER.values),
            RoleDeleted: _Write(identity.delete_role(), identity.deleted_values),
            Token: _Write(upsert(schema.token), identity.TOKEN.values),
            InvoiceRun: _Write(upsert(schema.invoice_run), invoice_runs.RUN.values),
            MeterEventMoved: _Write(meter_rows.move(), meter_rows.moved_values),
            MeterEventsUnparked: _Write(meter_rows.unpark(), meter_rows.unparked_values),
            BillingCycle: _Write(
                _insert_first(dialect, schema.billing_cycle), mirror_rows.CYCLE.values
            ),
        }
        self._by_name = {kind.__name__: write for kind, write in self._by_kind.items()}

    def of(self, records: Sequence[Record]) -> Iterator[tuple[Executable, list[Values]]]:
        """Yield each statement with its rows, built one chunk at a time between awaits."""
        for kind, group in _grouped(records):
            write = self._by_kind[kind]
            left = iter(group)
            while chunk := [write.values(record) for record in islice(left, CHUNK)]:
                yield write.statement, chunk

    def prepare(self, records: Sequence[Record]) -> Iterator[PreparedRows]:
        """Yield the rows of records as the driver takes them; `sql_of` writes them."""
        for kind, group in _grouped(records):
            values_of, left = self._by_kind[kind].values, iter(group)
            while chunk := [values_of(record) for record in islice(left, CHUNK)]:
                prepared = self._prepared_for(kind.__name__, chunk[0])
                yield PreparedRows(kind.__name__, prepared.columns, [*map(prepared.row, chunk)])

    def sql_of(self, rows: PreparedRows) -> str:
        """Return the statement that writes prepared rows."""
        return self._prepared_for(rows.kind, rows.columns).sql

    def _prepared_for(self, kind: str, columns: Iterable[str]) -> Prepared:
        known = self._prepared.get(kind)
        if known is None:
            statement = self._by_name[kind].statement
            known = self._prepared[kind] = Prepared(statement, columns, self._dialect)
        return known


# Both write the same row, so their order must not change.
_KEEP_ORDER: dict[type, type] = {LegRecord: LegAssigned, LegAssigned: LegRecord}


def _grouped(records: Sequence[Record]) -> list[tuple[type, list[Record]]]:
    """Group records by kind, keeping the order of records that write the same row."""
    groups: list[tuple[type, list[Record]]] = []
    growing: dict[type, list[Record]] = {}
    for record in records:
        kind = type(record)
        group = growing.get(kind)
        if group is None:
            group = growing[kind] = []
            groups.append((kind, group))
            if kind in _KEEP_ORDER:
                growing.pop(_KEEP_ORDER[kind], None)
        group.append(record)
    groups.sort(key=lambda group: group[0] is LegMetered)  # last: it reads the rows of the others
    return groups


def _upsert(dialect: str, table: Table, when: _Condition | None) -> Executable:
    new = inserting(dialect, table)
    keys = [column.name for column in table.primary_key]
    return new.on_conflict_do_update(
        index_elements=keys,
        set_={column.name: column for column in new.excluded if column.name not in keys},
        where=when(new.excluded) if when else None,
    )


def _insert_first(dialect: str, table: Table) -> Executable:
    return inserting(dialect, table).on_conflict_do_nothing()


def _call_gives_way(later: _Columns) -> ColumnElement[bool]:
    """Express `CallRecord.gives_way_to` in SQL."""
    return or_(schema.call.c.ended_at.is_(None), later.ended_at.is_not(None))


def _leg_gives_way(later: _Columns) -> ColumnElement[bool]:
    """Express `LegRecord.gives_way_to` in SQL."""
    row = schema.leg.c
    pairs = list(zip(_certainty_of_leg(row), _certainty_of_leg(later), strict=True))
    better = _ends_worse(row, later)
    nothing_less = and_(*(or_(not_(before), after) for before, after in pairs))
    more = or_(better, *(and_(not_(before), after) for before, after in pairs))
    return or_(row.ended_at.is_(None), and_(later.ended_at.is_not(None), nothing_less, more))


def _ends_worse(row: _Columns, later: _Columns) -> ColumnElement[bool]:
    """Express `LegRecord.ends_worse_than` in SQL."""
    return or_(
        and_(
            row.witness.in_(schema.GUESSED_ENDS),
            later.witness.in_(schema.GUESSED_ENDS),
            or_(
                func.coalesce(later.gone_by < row.ended_at, false()),
                and_(
                    or_(row.gone_by.is_(None), later.ended_at <= row.gone_by),
                    later.ended_at > row.ended_at,
                ),
            ),
        ),
        and_(_is_witnessed(row), _is_witnessed(later), later.ended_at < row.ended_at),
    )


def _is_witnessed(leg: _Columns) -> ColumnElement[bool]:
    return and_(leg.witness.is_not(None), leg.witness.not_in(schema.GUESSED_ENDS))


def _certainty_of_leg(leg: _Columns) -> tuple[ColumnElement[bool], ...]:
    """Express `LegRecord._certainty` in SQL."""
    return (
        _is_witnessed(leg),
        and_(leg.answered_at.is_not(None), not_(leg.answer_guessed)),
        leg.tenant.is_not(None),
    )


def _invoice_is_later(later: _Columns) -> ColumnElement[bool]:
    """Express `Invoice.gives_way_to` in SQL."""
    return cast("ColumnElement[bool]", later.as_of >= schema.invoice.c.as_of)

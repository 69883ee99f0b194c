"""What is saved and published when a period is closed, all together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pbxbilling.accounts.apply import Change
from pbxbilling.accounts.change_records import Cause, facts_of, real, records_of
from pbxbilling.accounts.facts import AccountsChanged, StatusChanged
from pbxbilling.accounts.records import Act, AuditRecord
from pbxbilling.billing.facts import StatementSaved
from pbxbilling.billing.periods import cursor_of
from pbxbilling.billing.records import FINAL, SavedStatement
from pbxbilling.billing.statements.draft import Draft
from pbxbilling.kernel.audit import Actor, AuditEvent, system
from pbxbilling.kernel.money import from_minor
from pbxbilling.kernel.records import Cursor, Record

ACTOR = system("billing")
ACTION = "statement"
_CLOSED = Act(AuditEvent.STATEMENT_CLOSED, ACTION)
_SAVED = Act(AuditEvent.STATEMENT_SAVED, "statement save")


@dataclass(frozen=True, slots=True)
class Final:
    """A final statement with all that is saved with it in one transaction.

    `records` are the statement, copies of its legs, the use of its one-off lines, the begin of the
    next period and the rows of `changes`, which mark the setup fee as paid. `next_ends` is when the
    next period ends.
    """

    saved: SavedStatement
    records: Sequence[Record]
    changes: Sequence[Change]
    facts: Sequence[AccountsChanged | StatusChanged | StatementSaved]
    next_ends: datetime


def final_of(draft: Draft, unread: Sequence[str], at: datetime, next_ends: datetime) -> Final:
    """Return what closes the period of a final draft; `unread` PBXes may still hold its calls."""
    saved, cause = draft.saved(FINAL, unread), Cause(ACTION, ACTOR, at)
    changes = real(draft.changes())
    records = [
        saved,
        *draft.kept_with_final(),
        Cursor(cursor_of(saved.tenant), saved.ends),
        audit_of(saved, ACTOR, at),
        *records_of(changes, cause),
    ]
    facts = [*facts_of(changes, cause), saved_fact(draft, saved, unread, at)]
    return Final(saved, records, changes, facts, next_ends)


def saved_fact(
    draft: Draft, saved: SavedStatement, unread: Sequence[str], at: datetime
) -> StatementSaved:
    """Return the fact that a statement is saved."""
    return StatementSaved(
        at,
        saved.tenant,
        saved.month,
        saved.number,
        saved.currency,
        saved.total,
        len(draft.statement.legs),
        tuple(unread),
    )


def audit_of(saved: SavedStatement, actor: Actor, at: datetime) -> AuditRecord:
    """Return the audit row of a statement that is saved."""
    values: dict[str, Any] = {
        "month": saved.month,
        "number": saved.number,
        "total": from_minor(saved.total, saved.currency),
        "currency": saved.currency,
    }
    act = _CLOSED if saved.is_final else _SAVED
    return act.on(f"tenant {saved.tenant}", actor, at, None, values, saved.tenant)

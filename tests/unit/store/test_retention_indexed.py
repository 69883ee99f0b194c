"""Retention finds old rows by an index: a purge scans no whole table."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite

from pbxbilling.privacy.retention import Chore
from pbxbilling.store.database.sqlite.migrate import migrate
from pbxbilling.store.retention import due_query
from tests.support.store.records import NOON, after

INDEXES = {
    Chore.LEGS: "ix_leg_ended",
    Chore.LEG_NUMBERS: "ix_leg_ended",
    Chore.UNOWNED_LEGS: "ix_leg_unowned",
    Chore.UNOWNED_LEG_NUMBERS: "ix_leg_unowned",
    Chore.CALLS: "ix_call_ended",
    Chore.CALL_NUMBERS: "ix_call_ended",
    Chore.DECISIONS: "ix_decision_at",
    Chore.DECISION_NUMBERS: "ix_decision_at",
    Chore.AUDIT: "ix_audit_at",
    Chore.EVENTS: "ix_letter_received",
}


def plan_of(path: Path, statement: str) -> str:
    with closing(sqlite3.connect(path)) as database:
        return str(database.execute(f"EXPLAIN QUERY PLAN {statement}").fetchone()[-1])


@pytest.mark.parametrize("chore", Chore)
def test_what_is_due_is_found_by_its_age(tmp_path: Path, chore: Chore) -> None:
    migrate(tmp_path / "test.db")
    query = due_query(chore, NOON, after(86_400), 2000)
    plain = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    assert INDEXES[chore] in plan_of(tmp_path / "test.db", str(plain))

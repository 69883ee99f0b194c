"""On PostgreSQL, too, the migrations make what the schema says, and queries use its indexes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from pbxbilling.calls.live.records import DecisionQuery
from pbxbilling.privacy.retention import Chore
from pbxbilling.runtime.database_url import PostgresUrl
from pbxbilling.store import schema
from pbxbilling.store.database.postgres.connections import single_engine
from pbxbilling.store.database.postgres.server import PostgresDatabase
from pbxbilling.store.store import SqlStore
from pbxbilling.subscriptions.events import UNFINISHED
from tests.support.store.postgres import emptied_database, execute, new_database
from tests.support.store.records import NOON, after
from tests.unit.store.test_retention_indexed import INDEXES

OURS = "c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'"
COLUMNS = f"""
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           substring(pg_get_expr(d.adbin, d.adrelid) FROM '^nextval.*'), l.collname
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE {OURS} AND c.relkind = 'r' AND NOT a.attisdropped"""
KEYS = f"""
    SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
    FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid WHERE {OURS}"""
INDEX_TEXTS = """
    SELECT indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'"""
OTHER_COLLATIONS = f"SELECT * FROM ({COLUMNS}) AS found WHERE collname <> 'C'"


async def _create_all(url: PostgresUrl) -> None:
    engine = single_engine(url, "test", None)
    async with engine.begin() as connection:
        await connection.run_sync(schema.metadata.create_all)


def _plain(line: str) -> str:
    """Return a line without the casts of a condition, which a change of a column spells anew."""
    if " WHERE " not in line:
        return line
    return re.sub(r"[()]|::(character varying|text)(\[\])?", "", line)


@pytest.mark.parametrize("what", [COLUMNS, KEYS, INDEX_TEXTS], ids=["columns", "keys", "indexes"])
def test_the_migrations_make_what_the_schema_says(what: str) -> None:
    with new_database(empty=True) as migrated, new_database(empty=True) as stated:
        asyncio.run(PostgresDatabase(migrated).prepare(create=True))
        asyncio.run(_create_all(stated))
        found = {_plain(line) for line in execute(migrated, what).splitlines()}
        assert len(found) >= len(schema.metadata.tables)
        assert found == {_plain(line) for line in execute(stated, what).splitlines()}


def test_text_is_ordered_by_its_bytes() -> None:
    with new_database(empty=True) as migrated:
        asyncio.run(PostgresDatabase(migrated).prepare(create=True))
        assert execute(migrated, OTHER_COLLATIONS) == ""


async def _plan(url: PostgresUrl, ask: Callable[[SqlStore], Awaitable[object]]) -> str:
    """Return how the server would run what a store asks, where tables are large."""
    asked: list[tuple[str, Any]] = []

    def listen(*sent: Any) -> None:
        asked.append((sent[2], sent[3]))

    async with SqlStore(PostgresDatabase(url)) as store:
        event.listen(Engine, "before_cursor_execute", listen)
        try:
            await ask(store)
        finally:
            event.remove(Engine, "before_cursor_execute", listen)
    engine = single_engine(url, "test", None)
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        steps = [
            line
            for query, values in asked
            for (line,) in await connection.exec_driver_sql(f"EXPLAIN {query}", values)
        ]
    return "\n".join(steps)


ASKED: dict[str, tuple[Callable[[SqlStore], Awaitable[object]], str]] = {
    "calls that were open": (lambda store: store.open_calls(), "ix_call_open"),
    "legs that were open": (lambda store: store.open_legs(), "ix_leg_open"),
    "merged calls": (lambda store: store.merges(NOON), "ix_call_merged"),
    "legs of nobody": (lambda store: store.unowned_legs(), "ix_leg_unowned"),
    "guessed legs": (lambda store: store.estimated_legs(), "ix_leg_estimated"),
    "usage of a month": (
        lambda store: store.usage(tenant="acme", month="2026-11"),
        "ix_leg_usage",
    ),
    "decisions": (
        lambda store: store.decisions(DecisionQuery(tenant="acme")),
        "ix_decision_tenant_at",
    ),
    "keys not by file": (lambda store: store.keys_not_by_file(), "ix_key_origin_not_by_file"),
    "due meter events": (lambda store: store.meters.due(NOON, after(1), 10), "ix_meter_event_due"),
    "unfinished webhook events": (
        lambda store: store.subscription_store.webhook_events(*sorted(UNFINISHED)),
        "ix_letter_unfinished",
    ),
}
ASKED |= {
    f"due: {chore}": (
        lambda store, chore=chore: store.retention_store.due(  # type: ignore[misc]
            chore, NOON, NOON + timedelta(days=1), 2000
        ),
        INDEXES[chore],
    )
    for chore in Chore
}


@pytest.mark.parametrize(("ask", "index"), ASKED.values(), ids=ASKED)
def test_what_is_asked_often_is_answered_by_an_index(
    ask: Callable[[SqlStore], Awaitable[object]], index: str
) -> None:
    with emptied_database() as url:
        plan = asyncio.run(_plan(url, ask))
    assert f"using {index} " in plan or f"on {index} " in plan, plan

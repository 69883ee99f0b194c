"""Rows a second: the store's commits against raw sqlite3 with the same rows in the same groups.

Both write WAL with synchronous=FULL into tables and indexes of the same schema, half of the rows
new and half of them updates, as legs come: once answered, once ended. The raw side is given its
tuples; ours starts from records.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import Row, compare
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import EndWitness, LegRecord
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.store.database.database import Database
from pbxbilling.store.database.sqlite.engine import WRITER_PRAGMAS
from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.database.sqlite.migrate import migrate
from pbxbilling.store.rows import calls as call_rows
from pbxbilling.store.store import SqlStore

LEGS = 6400
ROWS_A_COMMIT = 256  # what gathers for a greedy writer during a write
LIMIT = 1 / 0.3  # our time as a multiple of theirs: at least 0.3 of their rows a second

_NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def _leg(number: int) -> LegRecord:
    began = _NOON + timedelta(milliseconds=number)
    return LegRecord(
        key=ChannelKey("main", f"{1795222182 + number}.{number}"),
        call=f"c{number}",
        tenant=f"tenant{number % 100}",
        direction=LegDirection.OUTBOUND,
        channel=f"PJSIP/carrier-{number:08x}",
        linkedid=f"{1795222182 + number}.{number}",
        caller="101",
        number="15550100",
        started_at=began,
        answered_at=began + timedelta(seconds=2),
    )


def _ended(leg: LegRecord) -> LegRecord:
    return replace(
        leg,
        ended_at=leg.started_at + timedelta(seconds=62),
        talk_us=60_000_000,
        billed_s=60,
        allowance_s=60,
        month="2026-11",
        witness=EndWitness.LIVE,
    )


def _groups() -> Iterator[list[LegRecord]]:
    half = ROWS_A_COMMIT // 2
    legs = [_leg(number) for number in range(LEGS)]
    for start in range(0, LEGS, half):
        some = legs[start : start + half]
        yield [*some, *map(_ended, some)]


GROUPS = list(_groups())


def ours() -> float:
    """Return the store's microseconds per row."""
    with TemporaryDirectory() as folder:
        return asyncio.run(us_a_row(SqliteFile(Path(folder, "ours.db"))))


async def us_a_row(database: Database) -> float:
    """Return the microseconds per row that the store takes on an empty database."""
    async with await SqlStore.open(database) as store:
        await store.commit(GROUPS[0])  # compiles the statements
        began = time.perf_counter()
        for group in GROUPS[1:]:
            await store.commit(group)
        return since(began)


def raw() -> float:
    """Return the microseconds per row of sqlite3 alone."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "raw.db")
        migrate(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            return _raw(database)


def _raw(database: sqlite3.Connection) -> float:
    for pragma in WRITER_PRAGMAS:
        database.execute(f"PRAGMA {pragma}")
    upsert, groups = raw_upsert(lambda _: "?"), raw_rows()
    began = time.perf_counter()
    for group in groups[1:]:
        database.execute("BEGIN IMMEDIATE")
        database.executemany(upsert, group)
        database.execute("COMMIT")
    return since(began)


def raw_upsert(parameter: Callable[[int], str]) -> str:
    """Return the statement of the raw side, its parameters written by their numbers from 1."""
    columns = list(call_rows.LEG.values(GROUPS[0][0]))
    settings = ", ".join(f"{name}=excluded.{name}" for name in columns[2:])
    values = ", ".join(parameter(number) for number in range(1, len(columns) + 1))
    return (
        f"INSERT INTO leg ({', '.join(columns)}) VALUES ({values})"
        f" ON CONFLICT (pbx, uniqueid) DO UPDATE SET {settings} WHERE leg.ended_at IS NULL"
    )


def raw_rows() -> list[list[tuple[object, ...]]]:
    """Return the raw side's rows, by group."""
    return [[tuple(call_rows.LEG.values(leg).values()) for leg in group] for group in GROUPS]


def since(began: float) -> float:
    """Return the microseconds per row of all groups but the first, which began then."""
    written = sum(map(len, GROUPS[1:]))
    return (time.perf_counter() - began) * 1_000_000 / written


def measure() -> list[Row]:
    """Return the row of the table."""
    name = "store: a row committed, against raw sqlite3"
    return [compare(name, ours, raw, unit="µs", limit=LIMIT)]

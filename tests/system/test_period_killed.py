"""Killed in the middle of closing periods, ten times: every statement once, every leg once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from pbxbilling.billing.periods import cursor_of
from pbxbilling.billing.records import BilledLeg, SavedStatement
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.kernel.period import period_of
from pbxbilling.kernel.records import Cursor
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from rig.waiting import patience_s
from tests.support.billing.statements import ACME, BASIC
from tests.support.store.records import ended_leg

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
TENANTS = [f"t{number}" for number in range(12)]
MONTHS = [f"2026-{month:02}" for month in range(7, 13)] + [f"2027-{m:02}" for m in range(1, 5)]
BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
PLAN = replace(BASIC, setup_fee=700)
KILLS = 10


def legs_of(tenant: str, month: str, random: Random) -> list[LegRecord]:
    """Return some calls of a tenant in a month."""
    period = period_of(month, "UTC")
    length_s = (period.ends - period.begins).total_seconds()
    legs = []
    for number in range(random.randint(0, 5)):
        ended_at = period.begins + timedelta(seconds=random.uniform(0, length_s - 1))
        talk_us = random.randint(1, 300_000_000)
        legs.append(
            ended_leg(
                f"{tenant}.{month}.{number}",
                tenant=tenant,
                month=month,
                ended_at=ended_at,
                talk_us=talk_us,
                started_at=ended_at - timedelta(microseconds=talk_us, seconds=1),
                answered_at=ended_at - timedelta(microseconds=talk_us),
            )
        )
    return legs


def killed_after(place: DatabaseUrl, statements: int, seconds: float) -> bool:
    """Kill -9 after so many statements and seconds; return False where nothing was left to do."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.support.billing.period_end", place.text],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with child:
        assert child.stdout is not None
        for _ in range(statements):
            assert child.stdout.readline() == b"saved\n"
        time.sleep(seconds)
        child.kill()
        return b"done" not in child.stdout.read()


def finished(place: DatabaseUrl) -> None:
    """Close the rest, undisturbed."""
    command = [sys.executable, "-m", "tests.support.billing.period_end", place.text]
    done = subprocess.run(
        command, capture_output=True, cwd=ROOT, timeout=patience_s(120), check=True
    )
    assert done.stdout.endswith(b"done\n"), done.stderr


def charge(legs: list[LegRecord]) -> int:
    """Return a month's price and overage, computed by hand: two minutes are included."""
    minutes = sum(-(-leg.talk_us // 60_000_000) for leg in legs)
    return 1000 + 50 * max(0, minutes - 2)


async def test_ten_kills_lose_and_double_nothing(shared_place: DatabaseUrl) -> None:
    random = Random(20261121)
    known: dict[str, dict[str, list[LegRecord]]] = defaultdict(dict)
    async with await SqlStore.open(database_at(shared_place)) as store:
        await store.commit([PLAN, *(replace(ACME, slug=slug) for slug in TENANTS)])
        await store.commit([Cursor(cursor_of(slug), BEGIN) for slug in TENANTS])
        for slug in TENANTS:
            for month in MONTHS:
                known[slug][month] = legs_of(slug, month, random)
                await store.commit(known[slug][month])
    for _ in range(KILLS):
        assert killed_after(shared_place, random.randint(1, 8), random.uniform(0, 0.03))
    finished(shared_place)
    async with await SqlStore.open(database_at(shared_place)) as store:
        for slug in TENANTS:
            check(
                await store.statement_store.statements(tenant=slug),
                await store.statement_store.billed(slug),
                known[slug],
            )
        audit = await store.audit(limit=10_000)
    saved = Counter(
        (row.subject, str((row.after or {})["month"]))
        for row in audit
        if "number" in (row.after or {})
    )
    assert saved == Counter({(f"tenant {slug}", month): 1 for slug in TENANTS for month in MONTHS})


def check(
    saved: list[SavedStatement], billed: list[BilledLeg], known: dict[str, list[LegRecord]]
) -> None:
    assert [one.month for one in saved] == MONTHS
    assert [one.begins for one in saved[1:]] == [one.ends for one in saved[:-1]]
    assert Counter(leg.key for leg in billed) == Counter(
        leg.key for legs in known.values() for leg in legs
    )
    nets = [one.net for one in saved]
    assert nets == [charge(known[month]) + (700 if month == MONTHS[0] else 0) for month in MONTHS]

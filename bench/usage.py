"""Usage on its way to Stripe, and its effect on calls.

The whole daemon with its database on disk, beside a server that answers any request at once. A
hundred thousand meter events are queued; those of a round are due, the others wait behind them.
While a round drains, hooks arrive some two hundred times a second; the counterpart sends them as
often while nothing is due. The verdict is a refusal (max_calls = 0), so that no call stays live.

The rate at which events drain is compared with the promised 200 a second: 5 ms each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from sqlite3 import Connection, connect
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uvloop

from bench.measure import PAIRS, Row, Times, alternating, row
from bench.process import next_line, process
from rig.waiting import until
from tests.support.agi.client import ask, environment
from tests.support.daemon.storefront import stripe_section
from tests.support.daemon.virtual_site import VirtualSite

QUEUED = 100_000
DUE = 800
ASK_EVERY_S = 0.005
PROMISED_MS = 5.0
P99_LIMIT = 1.2
ACCOUNTS = '[plan.none]\nmax_calls = 0\n[tenant.acme]\nplan = "none"\ncharges = "meter_events"\n'

_INSERT = (
    "INSERT INTO meter_event VALUES"
    " (?, 'acme', '2026-11', ?, 1, 1, 0, 'waiting', 0, NULL, NULL, '')"
)
_DUE = "SELECT count(*) FROM meter_event WHERE state IN ('sending', 'waiting') AND ended_at < ?"
_TOMORROW_US = 86_400_000_000

_numbers = count(1)


class Round(NamedTuple):
    """The times of the verdicts, and milliseconds per event."""

    verdicts: Times
    event_ms: float = PROMISED_MS


class Desk:
    """One daemon with its queue."""

    def __init__(self, site: VirtualSite) -> None:
        self._site = site
        with self._database() as database:
            later = time.time_ns() // 1000 + _TOMORROW_US
            _queue(database, QUEUED - DUE, later)

    def _database(self) -> closing[Connection]:
        return closing(connect(self._site.database, timeout=30))

    def draining(self) -> Round:
        """Measure the hook while a round of events goes out."""
        began_us = time.time_ns() // 1000
        with self._database() as database:
            _queue(database, DUE, began_us)

            def left() -> int:
                return int(database.execute(_DUE, (began_us + DUE + 1,)).fetchone()[0])

            until(lambda: left() < DUE, "events drain", 30.0)
            already, began = DUE - left(), time.perf_counter()
            taken = uvloop.run(self._asked(lambda: left() > 0))
            each = (time.perf_counter() - began) / (DUE - already)
        return Round(Times.of(taken), each * 1e3)

    def idle(self) -> Round:
        """Measure the hook for as long, while nothing is due."""
        ends = time.perf_counter() + DUE * PROMISED_MS / 1e3
        with self._database() as database:

            def goes_on() -> bool:
                return _looked(database) and time.perf_counter() < ends

            return Round(Times.of(uvloop.run(self._asked(goes_on))))

    async def _asked(self, goes_on: Callable[[], bool]) -> list[float]:
        taken = []
        while goes_on():
            for _ in range(20):
                number = next(_numbers)
                uniqueid = f"1795222182.{number}"
                pieces = environment(uniqueid=uniqueid, linkedid=uniqueid)
                began = time.perf_counter()
                assert b"REFUSE" in await ask(self._site.hook[1], pieces)
                taken.append((time.perf_counter() - began) * 1e3)
                await asyncio.sleep(ASK_EVERY_S)
        return taken


def _queue(database: Connection, events: int, ended_us: int) -> None:
    rows = [(f"pbx1:bench.{next(_numbers)}", ended_us + number) for number in range(events)]
    with database:
        database.executemany(_INSERT, rows)


def _looked(database: Connection) -> bool:
    """Look at the queue with the same query as while it drains."""
    return int(database.execute(_DUE, (0,)).fetchone()[0]) == 0


@contextmanager
def _null_stripe() -> Iterator[str]:
    with process("bench.null_stripe") as stripe:
        yield f"http://127.0.0.1:{int(next_line(stripe))}"


@contextmanager
def _desk() -> Iterator[Desk]:
    with (
        TemporaryDirectory() as directory,
        _null_stripe() as stripe,
        VirtualSite(Path(directory), sections=stripe_section(stripe)) as site,
    ):
        site.start().apply(ACCOUNTS)
        site.stop()
        with closing(connect(site.database)) as database, database:
            database.execute("UPDATE tenant SET customer = 'cus_bench'")
        yield Desk(site.start())


def measure(pairs: int = PAIRS) -> list[Row]:
    """Return the rows of the table."""
    with _desk() as desk:
        rounds = alternating(desk.draining, desk.idle, pairs)
    p99s = [(busy.verdicts.p99, idle.verdicts.p99) for busy, idle in rounds]
    medians = [(busy.verdicts.median, idle.verdicts.median) for busy, idle in rounds]
    each = [(busy.event_ms, PROMISED_MS) for busy, _ in rounds]
    return [
        row("a usage event sent, 100,000 queued", each, unit="ms", limit=1.0),
        row("hook while usage drains, median", medians, unit="ms"),
        row("hook while usage drains, p99", p99s, unit="ms", limit=P99_LIMIT),
    ]

"""Lists of the API of a large site, and hooks beside them.

A daemon and `pbxbilling web` as an operator runs them, on a database of 10,000 tenants, a million
decisions, a tenant with 100,000 legs this month, and the statements of a month; 2,000 calls are
live. A program with a token asks for one list after the other, 20 times a second, in pages of the
default size, and does not wait for slow answers: what counts is the time from when a request was
due until its answer is read. It begins as soon as the process listens, right after a start.

The hooks are sent one after the other by another process: while the lists are asked for, and
before, when no web process follows what is live. The program that asks stands for one on another
machine: as the web process by its unit, it gets the time of processors that nothing else wants.

The last rows are those of a site with 12 months of statements, of the busy tenant's legs and of
what it was charged for them, against the site with one.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

import httpx

from bench.api_site import BUSY, LEGS, TENANTS, fill, fill_earlier
from bench.core import tenant_name
from bench.measure import Row, SideTable, all_alternating, row, within
from bench.process import next_line, process
from pbxbilling.store.database.sqlite.file import SqliteFile
from tests.support.agi.client import environment
from tests.support.daemon.virtual_site import VirtualSite

PER_S = 20
P95_MS = 100.0
HOOK_LIMIT, HOOK_WITHIN_MS = 1.1, 1.0
MONTHS, MONTHS_LIMIT = 12, 1.2
CALLS = 2_000
STARTS, PAIRS = 3, 5
ROUND_S, SHORT_S = 15, 8
WAIT_S = 60.0

HOOKS, HOOK_REST_S = 500, 0.01

Taken = Mapping[str, Sequence[tuple[float, int]]]
"""By list, of each answer: milliseconds, and how long it is in bytes."""

_SIDE = ("list", "median ms", "p95 ms", "longest ms", "kB")


class Times(NamedTuple):
    """The times of a round, in milliseconds."""

    median: float
    p95: float

    @classmethod
    def of(cls, taken: Sequence[float]) -> Self:
        """Summarise the times of a round."""
        hundredths = statistics.quantiles(taken, n=100, method="inclusive")
        return cls(hundredths[49], hundredths[94])


def lists(now: datetime) -> dict[str, str]:
    """Return the lists that are asked for, in turn: what a table calls each, and its address."""
    middle, some = tenant_name(TENANTS // 2 + 17), tenant_name(TENANTS // 3)
    week_ago = f"{now - timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "tenants": "/tenants",
        "tenants, a later page": f"/tenants?after={middle}",
        "calls": "/calls",
        "decisions": "/decisions",
        "decisions of a tenant": f"/decisions?tenant={some}",
        "decisions refused, of a week": f"/decisions?refused=true&since={week_ago}",
        "usage": "/usage",
        f"usage of the tenant with {LEGS:,} legs": f"/usage?tenant={BUSY}",
        f"records of the tenant with {LEGS:,} legs": f"/records?tenant={BUSY}",
        "statements": "/statements",
        "statements of a tenant": f"/statements?tenant={some}",
        "audit": "/audit",
    }


def measure() -> list[Row | SideTable]:
    """Return the rows of the table, and what each list took."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        one, twelve = Path(folder, "one.db"), Path(folder, "twelve.db")
        now = datetime.now(UTC)
        asyncio.run(_filled(one, twelve, now))
        site = stack.enter_context(_Site.running(one))
        starts = [site.taken_from_the_start() for _ in range(STARTS)]
        hooks = [site.hooks_ms() for _ in range(STARTS)]
        site.start_web()
        older = stack.enter_context(_Site.running(twelve))
        older.start_web()
        sides = {"1": site.times, str(MONTHS): older.times}
        pairs = all_alternating(sides, PAIRS)
    return [
        within(
            f"API lists at {PER_S}/s from the start on, p95",
            [_times(taken).p95 for taken in starts],
            P95_MS,
            unit="ms",
        ),
        row(
            "hook p99 beside them, against before",
            hooks,
            unit="ms",
            limit=HOOK_LIMIT,
            within=HOOK_WITHIN_MS,
        ),
        *(
            row(
                f"API lists, {MONTHS} months of data against one, {which}",
                [(getattr(by[str(MONTHS)], which), getattr(by["1"], which)) for by in pairs],
                unit="ms",
                limit=MONTHS_LIMIT,
            )
            for which in Times._fields
        ),
        SideTable("Each list from the start on", _SIDE, tuple(_lines(starts))),
    ]


async def _filled(one: Path, twelve: Path, now: datetime) -> None:
    await fill(SqliteFile(one), now)
    await SqliteFile(one).backup(twelve)
    await fill_earlier(SqliteFile(twelve), now, MONTHS - 1)


class _Site:
    """A running site, and a token of its API."""

    def __init__(self, site: VirtualSite) -> None:
        self.site = site
        made = site.json("token", "add", "bench", "--scope", "admin")
        self._token = made["token"]

    @classmethod
    @contextmanager
    def running(cls, database: Path) -> Iterator[Self]:
        with (
            TemporaryDirectory() as directory,
            VirtualSite(Path(directory), database=database) as site,
        ):
            site.populate(tenant_name(number * 5 % TENANTS) for number in range(CALLS))
            site.start()
            assert site.get("/status")["calls"] == CALLS
            yield cls(site)

    def taken_from_the_start(self) -> Taken:
        """Ask as soon as a new web process listens."""
        self.start_web()
        try:
            return self._taken(ROUND_S)
        finally:
            self.site.stop_web()

    def times(self) -> Times:
        """Return the times of a short round."""
        return _times(self._taken(SHORT_S))

    def hooks_ms(self) -> tuple[float, float]:
        """Return the p99 of hooks beside the lists, and of the daemon without a web process."""
        before_ms = _hook_p99_ms(self.site.hook[1])
        self.start_web()
        try:
            with self._asking(ROUND_S) as asking:
                beside_ms = _hook_p99_ms(self.site.hook[1])
                assert asking.poll() is None, "the lists must last"
                _read(asking)
        finally:
            self.site.stop_web()
        return beside_ms, before_ms

    def start_web(self) -> None:
        """Start a web process, scheduled as by its unit."""
        self.site.start_web()
        _give_way(self.site.web_pid)

    def _taken(self, seconds: int) -> Taken:
        with self._asking(seconds) as asking:
            return _read(asking)

    @contextmanager
    def _asking(self, seconds: int) -> Iterator[subprocess.Popen[str]]:
        with process("bench.api", "lists", self.site.web, self._token, seconds) as asking:
            _give_way(asking.pid)
            yield asking


def _give_way(pid: int) -> None:
    """Schedule a process as `CPUSchedulingPolicy=idle` does: deploy/systemd has it so."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))


def _read(asking: subprocess.Popen[str]) -> Taken:
    taken: Taken = json.loads(next_line(asking))
    return taken


def _times(taken: Taken) -> Times:
    return Times.of([ms for answers in taken.values() for ms, _ in answers])


def _lines(rounds: Sequence[Taken]) -> Iterator[tuple[str, ...]]:
    for name in rounds[0]:
        answers = [answer for taken in rounds for answer in taken[name]]
        times = Times.of([ms for ms, _ in answers])
        longest_ms, size = max(ms for ms, _ in answers), max(size for _, size in answers)
        yield (
            name,
            f"{times.median:.1f}",
            f"{times.p95:.1f}",
            f"{longest_ms:.1f}",
            f"{size / 1e3:.0f}",
        )


def _hook_p99_ms(port: int) -> float:
    with process("bench.api", "hooks", port) as asking:
        return float(next_line(asking))


# --- in a process of its own ---------------------------------------------------------------------


async def ask_lists(base: str, token: str, seconds: int) -> None:
    """Ask for one list after the other, each when it is due; print what each answer took."""
    addresses = lists(datetime.now(UTC))
    taken = defaultdict[str, list[tuple[float, int]]](list)
    headers = {"Authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=f"http://{base}/api/v1", headers=headers, limits=limits, timeout=WAIT_S
    ) as client:

        async def one(name: str, due: float) -> None:
            await asyncio.sleep(due - time.perf_counter())
            answer = await client.get(addresses[name])
            assert answer.status_code == httpx.codes.OK, f"{name}: {answer.text[:300]}"
            taken[name].append(((time.perf_counter() - due) * 1000, len(answer.content)))

        begins, turns = time.perf_counter(), cycle(addresses)
        async with asyncio.TaskGroup() as tasks:
            for number in range(seconds * PER_S):
                tasks.create_task(one(next(turns), begins + number / PER_S))
    print(json.dumps(taken), flush=True)


def ask_hooks(port: int) -> None:
    """Send hooks one after the other, in the small writes of Asterisk; print their p99 in ms."""
    times_ms = []
    for number in range(HOOKS):
        name = f"{time.monotonic_ns()}.{number}"
        tenant = tenant_name(number * 7919 % TENANTS)
        pieces = environment(tenant=tenant, uniqueid=name, linkedid=name, accountcode=tenant)
        began = time.perf_counter()
        _ask(port, pieces)
        times_ms.append((time.perf_counter() - began) * 1000)
        time.sleep(HOOK_REST_S)
    print(statistics.quantiles(times_ms, n=100)[98], flush=True)


def _ask(port: int, pieces: Sequence[bytes]) -> None:
    """Run a session; without an event loop of its own, whose turns would be measured as well."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for piece in pieces:
            connection.send(piece)
        command = b""
        while not command.endswith(b"\n"):
            command += connection.recv(4096)
        connection.send(b"200 result=1\n")
        with suppress(ConnectionResetError):  # it closed before our last bytes arrived
            assert not connection.recv(1), "the session was to end"


def main(what: str, *given: str) -> None:
    """Ask for what it is told."""
    if what == "hooks":
        ask_hooks(int(given[0]))
    else:
        asyncio.run(ask_lists(given[0], given[1], int(given[2])))


if __name__ == "__main__":
    main(*sys.argv[1:])

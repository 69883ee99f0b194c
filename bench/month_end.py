"""A month's end beside calls.

A daemon whose tenants each have a month with calls, which ends. A worker process reads, rates and
prepares their statements, the daemon commits them. Counted is the CPU time of the loop's thread for
each statement of 100 legs, and the longest time that the loop is held, against what is allowed; the
same for 10,000 tenants with a call each
against 1,000; and the p99 of hooks that another process sends one after the other meanwhile,
against that of the same daemon before.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from bench.account_files import HELD_MS, Probe
from bench.core import tenant_name
from bench.measure import Row, row, within
from bench.process import next_line
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.catalog.destinations import DestinationRate
from pbxbilling.catalog.plan import Plan
from pbxbilling.daemon.tasks import statements as statement_task
from pbxbilling.kernel.records import Cursor
from pbxbilling.runtime import gc_tuning
from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.store import SqlStore
from pbxbilling.worker.process import WorkerProcess
from rig.site import free_port
from tests.support.agi.client import ask, environment
from tests.support.daemon.whole_daemon import whole_daemon
from tests.support.kernel.clock import Clock
from tests.support.store.database import create
from tests.support.store.records import ended_leg

BEGINS, ENDS = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
STATEMENT_MS = 10.0
PROPORTION = 1.2
HOOK_LIMIT, HOOK_WITHIN_MS = 1.2, 1.0
RUNS = 3
HOOKS = 300
TENANTS, LEGS = 100, 100
FEW, MANY = 1_000, 10_000

_PLAN = Plan(
    "basic",
    included_minutes=60,
    overage_per_minute_micros=20_000,
    destinations=tuple(DestinationRate(str(prefix), 10_000 + prefix) for prefix in range(30, 60)),
)
_SETTINGS = (
    '[agi]\nlisten = "127.0.0.1:{port}"\n[http]\nlisten = "127.0.0.1:0"\nadmin = "{admin}"\n'
)


def measure() -> list[Row]:
    """Return the rows of the table."""
    alone = [_month_end(TENANTS, LEGS)["statement_ms"] for _ in range(RUNS)]
    runs = [_month_end(TENANTS, LEGS, "hooks") for _ in range(RUNS)]
    few, many = ([_month_end(size, 1)["statement_ms"] for _ in range(2)] for size in (FEW, MANY))
    return [
        within(
            f"loop's CPU for a statement of {LEGS} legs",
            alone,
            STATEMENT_MS,
            unit="ms",
        ),
        within("loop held by a month's end", [run["held_ms"] for run in runs], HELD_MS, unit="ms"),
        row(
            f"the same of one leg, {MANY:,} tenants against {FEW:,}",
            list(zip(many, few, strict=True)),
            unit="ms",
            limit=PROPORTION,
        ),
        row(
            "hook p99 beside a month's end, against before",
            [(run["beside_ms"], run["before_ms"]) for run in runs],
            unit="ms",
            limit=HOOK_LIMIT,
            within=HOOK_WITHIN_MS,
        ),
    ]


def _month_end(tenants: int, legs: int, *beside: str) -> dict[str, float]:
    """Return the milliseconds of one month's end, alone or beside hooks."""
    port = free_port()
    with TemporaryDirectory() as directory:
        asyncio.run(_fill(Path(directory, "pbxbilling.db"), tenants, legs))
        with _daemon(directory, port, tenants, *beside) as daemon:
            assert next_line(daemon) == "ready\n"
            before_ms = asyncio.run(_p99_ms(port, HOOKS)) if beside else 0.0
            assert daemon.stdin is not None
            daemon.stdin.write("\n")
            daemon.stdin.flush()
            beside_ms = asyncio.run(_p99_ms(port, HOOKS)) if beside else 0.0
            taken: dict[str, float] = json.loads(next_line(daemon))
    return {**taken, "before_ms": before_ms, "beside_ms": beside_ms}


async def _p99_ms(port: int, hooks: int) -> float:
    times_ms = []
    for number in range(hooks):
        name = f"{time.monotonic_ns()}.{number}"
        began = time.perf_counter()
        await ask(port, environment(tenant=tenant_name(0), uniqueid=name, linkedid=name))
        times_ms.append((time.perf_counter() - began) * 1000)
    return statistics.quantiles(times_ms, n=100)[98]


async def _fill(database: Path, tenants: int, legs: int) -> None:
    create(database)
    async with await SqlStore.open(SqliteFile(database)) as store:
        names = [tenant_name(number) for number in range(tenants)]
        await store.commit([_PLAN, *(Tenant(name, "basic") for name in names)])
        await store.commit([Cursor(f"billed until: {name}", BEGINS) for name in names])
        every = [_leg(name, number) for name in names for number in range(legs)]
        for first in range(0, len(every), 5_000):
            await store.commit(every[first : first + 5_000])


def _leg(tenant: str, number: int) -> Any:
    at = BEGINS + timedelta(minutes=5 * number)
    return replace(
        ended_leg(),
        key=ChannelKey("pbx1", f"{tenant}.{number}"),
        tenant=tenant,
        number=f"+{30 + number % 30}123456",
        started_at=at,
        answered_at=at,
        ended_at=at + timedelta(seconds=95),
        talk_us=95_000_000,
        billed_s=95,
        month=f"{BEGINS:%Y-%m}",
    )


@contextmanager
def _daemon(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.month_end", *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as daemon:  # type: ignore[call-overload]
        try:
            yield daemon
        finally:
            daemon.terminate()


async def serve(directory: Path, port: int, tenants: int, *beside: str) -> None:
    """Run a daemon until terminated; at a line of input its month ends, and it prints the cost."""
    statement_task.LOOK_S = 1e6  # the month ends when it is told to
    clock, worker, told = Clock(ENDS - timedelta(hours=1)), WorkerProcess(), asyncio.Event()
    settings = _SETTINGS.format(port=port, admin=directory / "admin.sock")
    async with whole_daemon(directory, clock, settings, writes=False, worker=worker) as whole:
        gc_tuning.begin()
        closer = whole.daemon.jobs.statement_task._closer  # noqa: SLF001
        closer._known_until = dict  # noqa: SLF001
        await closer.look()  # notes when each period ends
        running = asyncio.create_task(whole.daemon.run())
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), told.set)
        await asyncio.sleep(1)
        print("ready", flush=True)
        await told.wait()
        loop.remove_reader(sys.stdin.fileno())
        probe = Probe()
        probing = asyncio.create_task(probe.run() if beside else asyncio.sleep(0))
        clock.move_to(ENDS + timedelta(minutes=1))
        began_s = time.thread_time()
        await closer.look()
        took_ms = (time.thread_time() - began_s) * 1000
        probing.cancel()
        saved = await whole.store.statement_store.statements(documents=False)
        assert len(saved) == tenants, whole.log.logged[-3:]
        taken = {"statement_ms": took_ms / tenants, "held_ms": probe.longest_s * 1000}
        print(json.dumps(taken), flush=True)
        with suppress(asyncio.CancelledError):
            await running


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))

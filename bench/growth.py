"""Costs of size: 100,000 tenants and 50,000 live calls.

**Hook session.** A whole session (as in the row of the hook) with tenants drawn at random, against
the same with 10 tenants and 10 live calls.

**Start, memory.** The daemon itself, from a database of 100,000 tenants: its CPU time until it
answers commands, including the loading of Python; then its resident memory beside a virtual PBX
with 50,000 answered live trunk legs of tenants drawn at random, once it is reconciled.

**Loop held.** A process that has the core at that size: a snapshot of 50,000 channels of which none
was known, one of which all are, a scrape, and the longest of 20,000 verdicts with garbage
collection running as usual between them. A task that only yields to the loop records how much CPU
time the others took in between: on a busy machine, wall time would include other programs.

The counterpart of the last two is the allowance.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from random import randrange
from tempfile import TemporaryDirectory

from bench.core import tenant_name
from bench.hook import cpu_s, server_process, trial, two_cores
from bench.hook_servers import FEW, MANY
from bench.measure import Row, compare, within
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Limits, Plan
from pbxbilling.store.database.database import Database
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from rig.waiting import until
from tests.support.daemon.virtual_site import VirtualSite

TENANTS, CHANNELS = MANY
SESSION_LIMIT = 1.2
START_S = 3.0
MEMORY_MB = 400.0
HELD_MS = 20.0
PROCESSES = 3


def measure() -> list[Row]:
    """Return the rows of the table."""
    return [session(), *start_and_memory(), *held()]


def session() -> Row:
    """Return the row of a hook session at the large size against one at the small size."""
    with two_cores() as (first, _), ExitStack() as stack:
        many = stack.enter_context(server_process("many", first))
        few = stack.enter_context(server_process("few", first))
        return compare(
            "hook session, 100,000 tenants and 50,000 calls against 10 and 10",
            trial(many, tenants=MANY[0]),
            trial(few, tenants=FEW[0]),
            unit="µs",
            limit=SESSION_LIMIT,
        )


async def fill(database: Database) -> None:
    """Write 100,000 tenants."""
    async with await SqlStore.open(database) as store:
        await store.commit([Plan("limited", limits=Limits(max_calls=1000))])
        for start in range(0, TENANTS, 10_000):
            await store.commit([_tenant(number) for number in range(start, start + 10_000)])


def _tenant(number: int) -> Tenant:
    name = tenant_name(number)
    return Tenant(
        name,
        "limited",
        name=f"Tenant {number}",
        email=f"{name}@example.org",
        accountcodes=(name,),
        dids=(f"+1555{number:07}",),
        timezone=("Europe/Berlin", "America/New_York", "UTC")[number % 3],
        anchor_day=1 + number % 28,
    )


def start_and_memory() -> list[Row]:
    """Return the rows of the seconds to the first answer, and of the MB once all is counted."""
    memory_mb: list[float] = []
    with TemporaryDirectory() as directory, VirtualSite(Path(directory)) as site:
        asyncio.run(fill(database_at(site.place)))
        starts_s = starts(site)
        site.populate(tenant_name(randrange(TENANTS)) for _ in range(CHANNELS))
        for _ in range(PROCESSES):
            site.launch()
            until(lambda: site.readyz()[0] == 200, "all is counted", 120.0)
            assert site.get("/status")["calls"] == CHANNELS
            memory_mb.append(_resident_mb(site.pid))
            site.stop()
    return [
        within("start with 100,000 tenants", starts_s, START_S, unit="s"),
        within("resident memory with 50,000 calls", memory_mb, MEMORY_MB, unit="MB"),
    ]


def starts(site: VirtualSite) -> list[float]:
    """Return the CPU seconds of some starts until the daemon answers a command."""
    taken_s: list[float] = []
    for _ in range(PROCESSES):
        site.launch()
        taken_s.append(cpu_s(site.pid))
        site.stop()
    return taken_s


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def held() -> list[Row]:
    """Return the row of the longest time that the loop is held."""
    command = [sys.executable, "-m", "bench.holds"]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(PROCESSES)
    ]
    return [
        within(f"loop held by {what}", [run[what] for run in runs], HELD_MS, unit="ms")
        for what in runs[0]
    ]

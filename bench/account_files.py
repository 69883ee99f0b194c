"""How long a file of accounts holds the loop of a daemon that judges calls.

The daemon itself, with its admin socket: a file of tenants is applied, applied again with another
name for each tenant, and imported as CSV with a third one; a worker process reads and compares it,
the daemon commits. A task on its loop records the longest CPU time of the loop's thread between two
of its turns, a millisecond apart: on a busy machine, wall time would include other programs. The
counterpart is the allowance; in the last row it is the same daemon with the worker's jobs done in
its own process, as release 0.1 did.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import uvloop

from bench.core import tenant_name
from bench.measure import Row, row, within
from bench.process import next_line
from pbxbilling.runtime import gc_tuning
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.wiring import account_files
from pbxbilling.worker.process import WorkerProcess
from tests.support.daemon.whole_daemon import whole_daemon

SIZES = (10_000, 100_000)
HELD_MS = 20.0
LIMIT_S = 3600.0

_PLAN = '[plan.limited]\nname = "Limited"\nmax_calls = 10\nprice = "10.00"\n'
_SETTINGS = '[agi]\nlisten = "127.0.0.1:0"\n[http]\nlisten = "127.0.0.1:0"\nadmin = "{admin}"\n'


def measure() -> list[Row]:
    """Return the rows of the table."""
    rows, by_worker = [], []
    for size in SIZES:
        held_ms = [*_held_ms(size)]
        rows.append(within(f"loop held by files of {size:,} tenants", held_ms, HELD_MS, unit="ms"))
        by_worker.append(held_ms)
    pairs = list(zip(by_worker[0], _held_ms(SIZES[0], "in-process"), strict=True))
    rows.append(row(f"the same, {SIZES[0]:,} tenants, without a worker", pairs, unit="ms"))
    return rows


def toml(size: int, name: str) -> str:
    """Return an accounts file with so many tenants of one plan."""
    return _PLAN + "".join(
        f'[tenant.{tenant_name(number)}]\nplan = "limited"\nname = "{name} {number}"\n'
        f'email = "{number}@example.org"\naccountcodes = ["{tenant_name(number)}"]\n'
        f'dids = ["+1555{number:07}"]\ntimezone = "Europe/Berlin"\n'
        for number in range(size)
    )


def csv(size: int, name: str) -> str:
    """Return the same tenants as a CSV file with their names alone."""
    lines = (f"{tenant_name(number)},{name} {number}" for number in range(size))
    return "\n".join(("tenant,name", *lines))


def _held_ms(size: int, *how: str) -> Iterator[float]:
    """Yield the longest hold beside each file."""
    files: tuple[tuple[str, Mapping[str, object]], ...] = (
        ("accounts", {"text": toml(size, "First")}),
        ("accounts", {"text": toml(size, "Second")}),
        ("accounts/tenants.csv", {"text": csv(size, "Third")}),
    )
    with TemporaryDirectory() as directory, _daemon(Path(directory), *how) as daemon:
        transport = httpx.HTTPTransport(uds=next_line(daemon).strip())
        with httpx.Client(transport=transport, timeout=LIMIT_S) as client:
            client.get("http://pbxbilling/api/v1/plans")
            _longest_ms(daemon)
            for path, given in files:
                body = json.dumps({**given, "source": "bench"})
                answer = client.put(f"http://pbxbilling/api/v1/{path}", content=body)
                assert answer.status_code == httpx.codes.OK, answer.text[:300]
                yield _longest_ms(daemon)


@contextmanager
def _daemon(directory: Path, *how: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.account_files", str(directory), *how]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as daemon:  # type: ignore[call-overload]
        try:
            yield daemon
        finally:
            daemon.terminate()


def _longest_ms(daemon: subprocess.Popen[str]) -> float:
    """Return the longest hold since the last one was asked for."""
    assert daemon.stdin is not None
    daemon.stdin.write("\n")
    daemon.stdin.flush()
    return float(next_line(daemon))


class Probe:
    """Takes a turn of the loop each millisecond, and the CPU time that others use in between."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            self.longest_s = max(self.longest_s, time.thread_time() - before)
            before = time.thread_time()

    def tell(self) -> None:
        """Print the longest hold in milliseconds, and begin anew."""
        if not sys.stdin.readline():  # the bench is over
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            return
        print(self.longest_s * 1000, flush=True)
        self.longest_s = 0.0


async def serve(directory: Path, *how: str) -> None:
    """Run a daemon until terminated; print its longest hold for each line of input."""
    if how:
        account_files.SMALL_FILE = account_files.SMALL_SITE = sys.maxsize
    admin, probe = directory / "admin.sock", Probe()
    settings = _SETTINGS.format(admin=admin)
    worker, clock = WorkerProcess(), SystemClock()
    async with whole_daemon(directory, clock, settings, writes=False, worker=worker) as whole:
        gc_tuning.begin()
        running = asyncio.create_task(whole.daemon.run())
        probing = asyncio.create_task(probe.run())
        while not admin.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), probe.tell)
        print(admin, flush=True)
        with suppress(asyncio.CancelledError):
            await running
        probing.cancel()


if __name__ == "__main__":
    os.environ.pop("NOTIFY_SOCKET", None)
    uvloop.run(serve(Path(sys.argv[1]), *sys.argv[2:]))

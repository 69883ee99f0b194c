"""The daemon as a process of its own, driven through its admin socket as an operator does."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from signal import SIGCONT, SIGHUP, SIGTERM, Signals
from sqlite3 import Row
from typing import Any, Self
from urllib.error import URLError

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.pbx_facts import CorrectionKind
from pbxbilling.calls.live.records import LegRecord
from pbxbilling.cli.connection import delete, every, get, put
from pbxbilling.kernel.period import period_at
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.runtime.database_url import DatabaseUrl, SqliteUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from rig.asterisk import Asterisk
from rig.program import Started, start
from rig.running import Running
from rig.site import AMI_SECRET, free_port
from rig.waiting import patience_s, until
from tests.support.store.database import create, rows
from tests.support.store.records import ended_leg
from tests.support.telemetry.scrape import sample

ACCOUNTS = """
[plan.unlimited]
[plan.five]
max_calls = 5
[tenant.acme]
plan = "unlimited"
accountcodes = ["acme"]
dids = ["+15550100", "+15550101", "+15550102", "+15550103"]
[tenant.globex]
plan = "unlimited"
dids = ["+15550200"]
[tenant.initech]
plan = "unlimited"
contexts = ["from-initech"]
dids = ["+15550300"]
"""


def _pbx(name: str, host: str, port: int) -> str:
    return (
        f'[[pbx]]\nname = "{name}"\nhost = "{host}"\nport = {port}\n'
        f'username = "pbxbilling"\nsecret = "{AMI_SECRET}"\ntrunks = ["PJSIP/carrier*"]\n'
    )


async def _commit(database: DatabaseUrl, leg: LegRecord) -> None:
    async with await SqlStore.open(database_at(database)) as store:
        await store.commit([leg])


class Daemon(Running):
    """`pbxbilling serve` beside one Asterisk, which calls this daemon's hook."""

    def __init__(
        self,
        asterisk: Asterisk,
        directory: Path,
        *,
        mode: str = "enforce",
        more: str = "",
        ami: tuple[str, int] | None = None,
        journal: bool | Path = False,
        environment: Mapping[str, str] | None = None,
        pbx_more: str = "",
        place: DatabaseUrl | None = None,
    ) -> None:
        self._pbx_more = pbx_more
        """More keys of `[[pbx]]`."""
        self._environment = environment or {}
        """`journal`: Asterisk's own, or another file in its place."""
        read = asterisk.journal if journal is True else journal
        self._journal = f'cel_csv = "{read}"\n' if read else ""
        self._ami = ami or asterisk.ami
        self.asterisk = asterisk
        self.directory = directory
        self.config = directory / "pbxbilling.toml"
        self.database = directory / "pbxbilling.db"
        self.place = place or SqliteUrl(self.database)
        self.hook = f"127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}"
        self._mode, self._more = mode, more
        self.others: dict[str, tuple[str, int]] = {}
        """More PBXes, name → AMI address, from the next `write_config` on."""
        self._process: Started | None = None
        self.write_config()

    def write_config(self, mode: str | None = None) -> None:
        """Write the configuration, with another mode if given."""
        host, port = self._ami
        self.config.touch(0o600)  # it has a secret in it
        self.config.write_text(
            f'mode = "{mode or self._mode}"\n'
            f'[database]\nurl = "{self.place.text}"\n'
            f'[agi]\nlisten = "{self.hook}"\n'
            f'[http]\nlisten = "{self.http}"\nadmin = "{self.directory}/admin.sock"\n'
            f"{self._more}\n{_pbx('pbx1', host, port)}{self._pbx_more}{self._journal}"
            + "".join(_pbx(name, *where) for name, where in self.others.items())
        )

    def start(self) -> Self:
        """Start it, and return when its counts are correct."""
        create(self.place)
        words = ["serve", "-c", str(self.config)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **self._environment}
        self._process = start(words, environment, self.directory / "daemon.log")
        try:
            until(self._is_ready, "the daemon is ready", 20.0)
        except TimeoutError as late:
            late.add_note(self.log()[-2000:])
            raise
        self.asterisk.set_global("PBXBILLING_HOOK", self.hook)
        return self

    def _is_ready(self) -> bool:
        process = self._process
        assert process is not None
        assert process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"http://{self.http}/readyz", timeout=patience_s(2)):
                return True
        except (URLError, OSError):
            return False

    def log(self) -> str:
        """Return all that it has logged."""
        path = self.directory / "daemon.log"
        return path.read_text() if path.exists() else ""

    def events(self) -> list[dict[str, Any]]:
        """Return its log lines."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def logged(self, begins: str, **fields: str) -> list[dict[str, Any]]:
        """Return the log lines whose event begins so and that have these fields."""
        return [
            line
            for line in self.events()
            if line["event"].startswith(begins) and fields.items() <= line.items()
        ]

    def reload(self) -> None:
        """Send SIGHUP, and wait until the reload has succeeded or failed."""
        before = self._reloads()
        self.signal(SIGHUP)
        until(lambda: self._reloads() > before, "the reload was served")

    def _reloads(self) -> int:
        return len(self.logged("config reloaded") + self.logged("config rejected"))

    def take_up(self, name: str, ami: tuple[str, int]) -> None:
        """Add another PBX to its configuration, and return when that one's counts are correct."""
        self.others[name] = ami
        self.write_config()
        self.reload()
        until(lambda: self.pbx(name).get("reconciled"), f"{name} is reconciled", 30.0)

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample of its metrics; 0 where there is none."""
        return sample(self.http, name, **labels)

    def corrections(self, pbx: str = "pbx1") -> dict[str, int]:
        """Return how often that PBX corrected the ledger, by kind of correction."""
        name, kinds = "pbxbilling_reconcile_corrections_total", list(CorrectionKind)
        counts = {kind.value: int(self.metric(name, pbx=pbx, kind=kind)) for kind in kinds}
        return {kind: count for kind, count in counts.items() if count}

    def pbx(self, name: str = "pbx1") -> dict[str, Any]:
        """Return what `status` shows of a PBX; empty where no PBX has that name."""
        shown: list[dict[str, Any]] = self.get("/status")["pbxes"]
        return next((pbx for pbx in shown if pbx["name"] == name), {})

    def signal(self, number: Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: Signals = SIGTERM) -> None:
        """End it, with SIGTERM or another signal."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(SIGCONT)
            process.send_signal(number)
            process.wait(patience_s(20))

    def get(self, path: str, **query: Any) -> Any:
        """Return an answer of the API; quicker than the command line."""
        return get(self.config, path, **query)

    def put(self, path: str, **body: Any) -> Any:
        """Send a PUT to the API."""
        return put(self.config, path, **body)

    def delete(self, path: str) -> Any:
        """Send a DELETE to the API."""
        return delete(self.config, path)

    def apply(self, accounts: str) -> None:
        """Put plans and tenants in force, including all resets."""
        self.put("/accounts", text=accounts, source="accounts.toml", dry_run=False, reset=True)

    def tenant(self, slug: str = "acme") -> dict[str, Any]:
        """Return a tenant's row of `tenants`."""
        (row,) = (row for row in self.get("/tenants") if row["tenant"] == slug)
        return dict(row)

    def calls(self) -> list[dict[str, Any]]:
        """Return the live calls."""
        return every(self.config, "/calls")

    def spend(self, tenant: str, seconds: int) -> None:
        """Put an ended leg of that many seconds on record, and restart the daemon with it."""
        self.stop()
        at = SystemClock().now()
        began = at - timedelta(seconds=seconds)
        leg = ended_leg(
            key=ChannelKey("pbx1", "1.1"),
            call=None,
            tenant=tenant,
            started_at=began,
            answered_at=began,
            ended_at=at,
            talk_us=seconds * 1_000_000,
            billed_s=seconds,
            allowance_s=seconds,
            month=period_at(at, "UTC").month,
        )
        asyncio.run(_commit(self.place, leg))
        self.start()

    def wait_idle(self) -> None:
        """Return when no call is live and all ended ones are on record."""
        until(lambda: not self.calls(), "no call is live", 10.0)
        self.wait_on_record()

    def wait_on_record(self) -> None:
        """Return when all that has happened is on record."""
        until(lambda: not self.get("/status")["store"]["pending"], "all is on record", 10.0)

    def legs(self) -> Sequence[Row] | Sequence[dict[str, Any]]:
        """Return the trunk legs on record, oldest first."""
        return rows(self.place, "SELECT * FROM leg ORDER BY started_at, uniqueid")

    def answered(self) -> list[tuple[str | None, str, float]]:
        """Return tenant, direction and seconds of every answered and ended trunk leg."""
        return [
            (leg["tenant"], leg["direction"], leg["talk_us"] / 1_000_000)
            for leg in self.legs()
            if leg["answered_at"] is not None and leg["ended_at"] is not None
        ]

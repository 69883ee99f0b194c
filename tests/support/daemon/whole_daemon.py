"""The whole daemon within a test's own event loop, on a real database and a clock of its own.

It listens nowhere and has no real PBX: the test calls hooks, nightly jobs and commands itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.config.load import load
from pbxbilling.daemon.daemon import Daemon
from pbxbilling.daemon.reload import Configuration
from pbxbilling.daemon.startup_state import StartupState
from pbxbilling.kernel.codes import Direction
from pbxbilling.kernel.ports import Clock
from pbxbilling.store.database.sqlite.file import SqliteFile
from pbxbilling.store.store import SqlStore
from pbxbilling.telemetry.logs import Log
from pbxbilling.telemetry.notify import Notifier
from pbxbilling.telemetry.writer import LineWriter
from pbxbilling.wiring.stores import stores_of
from pbxbilling.worker.process import Worker
from tests.support.store.database import create
from tests.support.web.api_client import ApiClient
from tests.support.worker.in_thread import WorkerInThread

PBX = '[[pbx]]\nname = "pbx1"\nhost = "127.0.0.1"\nusername = "u"\nsecret = "s"\ntrunks = ["P/c"]\n'


class Lines:
    """The log, in memory."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def write(self, line: bytes) -> None:
        """Record one line."""
        self.written.append(orjson.loads(line))

    @property
    def logged(self) -> list[str]:
        """The recorded events, without their fields."""
        return [str(line["event"]) for line in self.written]


class Whole:
    """A daemon, its store and its log; `pbx1` counts as reconciled."""

    def __init__(self, daemon: Daemon, store: SqlStore, log: Lines, startup: StartupState) -> None:
        self.daemon = daemon
        self.store = store
        self.log = log
        self.notices = startup.notices
        link = daemon.live.engine.trust.links["pbx1"]
        link.connected = link.reconciled = True

    @property
    def api(self) -> ApiClient:
        """Return a client of the API, as an operator uses it."""
        return ApiClient(self.daemon.services)

    def hook(self, tenant: str, direction: Direction, nth: int) -> Verdict:
        """Run the hook of a channel's dialplan."""
        return self.daemon.live.engine.admission.judge(
            HookRequest(
                uniqueid=f"1.{nth}",
                channel=f"PJSIP/phone-{nth}",
                direction=direction,
                tenant=tenant,
                linkedid=f"1.{nth}",
                number="0155501",
                pbx="pbx1",
            )
        )

    async def nightly(self) -> None:
        """Run each scheduled job once."""
        daemon = self.daemon
        await daemon.jobs.check_task.look()
        await daemon.jobs.purge_task.look()
        await daemon.jobs.statement_task._closer.look()
        await daemon.jobs.figures_task.look()
        await daemon.live.housekeeping.round(marks=True)


def of_worker(worker: Worker) -> type[Daemon]:
    """Return a daemon with that worker."""

    class WithIt(Daemon):
        @staticmethod
        def new_worker() -> Worker:
            return worker

    return WithIt


@asynccontextmanager
async def whole_daemon(
    directory: Path,
    clock: Clock,
    settings: str = "",
    *,
    writes: bool = True,
    worker: Worker | None = None,
) -> AsyncIterator[Whole]:
    """Run a daemon on the database of that directory; `settings` is TOML added to the minimum.

    Its queued records are written here, unless the test runs the daemon, which `writes` itself. The
    worker's jobs run in a thread, unless the test brings a `worker`.
    """
    file, database = directory / "pbxbilling.toml", directory / "pbxbilling.db"
    file.write_text(f'mode = "enforce"\n{settings}\n{PBX}[database]\nurl = "sqlite:///{database}"')
    configuration, lines, log = Configuration(partial(load, file, {})), Lines(), LineWriter(fd=2)
    create(database)
    try:
        async with await SqlStore.open(SqliteFile(database)) as store:
            startup = await StartupState.read(store, clock.now(), "UTC")
            written = Log(lines, clock, "json", "info")
            notifier = Notifier({}, 1)
            daemon = of_worker(worker or WorkerInThread())(
                configuration, stores_of(store), startup, clock, written, log, notifier
            )
            whole = Whole(daemon, store, lines, startup)
            if not writes:
                yield whole
                return
            writing = asyncio.create_task(daemon.live.writer.run())
            try:
                yield whole
                await daemon.live.writer.drain(5)
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
    finally:
        log.close()

"""Runs the daemon's process: configuration, database lock, log and event loop."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import uvloop

from pbxbilling.config.load import load
from pbxbilling.daemon.daemon import Daemon
from pbxbilling.daemon.reload import Configuration
from pbxbilling.daemon.startup_state import StartupState
from pbxbilling.runtime import gc_tuning as garbage
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.telemetry.logs import Log, StandardHandler
from pbxbilling.telemetry.notify import Notifier
from pbxbilling.telemetry.writer import LineWriter
from pbxbilling.wiring.stores import stores_of


def serve(path: Path, env: Mapping[str, str] | None = None) -> None:
    """Run the daemon until SIGTERM. Raises ConfigError, StoreError or ListenError at the start."""
    env = os.environ if env is None else env
    configuration = Configuration(partial(load, path, env))
    settings = configuration.settings
    lines = LineWriter()
    log = Log(lines, SystemClock(), settings.log.format, settings.log.level)
    logging.basicConfig(handlers=[StandardHandler(log)], level=logging.WARNING, force=True)
    for warning in settings.warnings():
        log.warning(warning)
    try:
        with Notifier(env, os.getpid()) as notifier:
            uvloop.run(_serve(configuration, log, lines, notifier))
    finally:
        lines.close()


async def _serve(
    configuration: Configuration, log: Log, lines: LineWriter, notifier: Notifier
) -> None:
    settings, clock = configuration.settings, SystemClock()
    database = database_at(settings.database.place)
    async with database.alone(), await SqlStore.open(database) as store:
        startup = await StartupState.read(store, clock.now(), settings.billing.timezone)
        for notice in startup.notices:
            log.warning(notice)
        daemon = Daemon(configuration, stores_of(store), startup, clock, log, lines, notifier)
        del startup  # with 50,000 open calls it holds 25 MB
        garbage.begin()
        try:
            await daemon.run()
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:  # report a single fault without the group around it
                raise group.exceptions[0] from None
            raise

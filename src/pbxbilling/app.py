"""The composition root: builds the daemon, runs its tasks, reloads it and ends it in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import uvloop

from pbxbilling import __version__
from pbxbilling.agi.server import AgiServer, ListenError
from pbxbilling.agi.server import AgiSettings as HookSettings
from pbxbilling.ami.journal import CelJournal
from pbxbilling.ami.settings import LinkSettings
from pbxbilling.clock import SystemClock
from pbxbilling.config.faults import ConfigError
from pbxbilling.config.forms import Address
from pbxbilling.config.load import load
from pbxbilling.config.model import PbxSettings, Settings
from pbxbilling.config.reload import reload_of
from pbxbilling.domain.book import AccountBook
from pbxbilling.domain.call import Channel
from pbxbilling.domain.channel import Trunks
from pbxbilling.domain.facts import ConfigReloaded, Fact
from pbxbilling.domain.journal import JournalPosition
from pbxbilling.domain.ledger import Ledger
from pbxbilling.domain.period import month_of
from pbxbilling.domain.records import PbxMark
from pbxbilling.pbxlink import PbxLink
from pbxbilling.services.administer import Administration
from pbxbilling.services.admit import Admission
from pbxbilling.services.inforce import InForce
from pbxbilling.services.inspect import Inspector
from pbxbilling.services.meter import Meter
from pbxbilling.services.reconcile import Reconciler
from pbxbilling.services.record import Recorder
from pbxbilling.services.recover import JournalRecovery
from pbxbilling.services.restore import restore
from pbxbilling.services.settle import Settler
from pbxbilling.services.track import Tracker
from pbxbilling.services.trust import Trust
from pbxbilling.store.lock import database_lock
from pbxbilling.store.sql import SqlStore
from pbxbilling.store.writer import StoreWriter
from pbxbilling.telemetry.logs import Log, StandardHandler
from pbxbilling.telemetry.metrics import Metrics
from pbxbilling.telemetry.notify import Notifier
from pbxbilling.telemetry.observers import HookWatch, LinkWatch
from pbxbilling.telemetry.writer import LineWriter
from pbxbilling.web.admin import admin_app
from pbxbilling.web.commands.command import Desk
from pbxbilling.web.public import public_app
from pbxbilling.web.server import serve as serve_http
from pbxbilling.web.server import tcp_listener, unix_listener

DRAIN_S = 10.0  # how long an ordinary end waits for the store
WATCH_S = 0.5  # pace of the housekeeping: allowances, stale links, reservations
WATCHDOG_S = 1.0
MARK_EVERY = 10  # rounds of housekeeping between two marks of each PBX's last proof of life


class Facts:
    """Hands each fact to every sink, in order; sinks join while the daemon is built."""

    def __init__(self) -> None:
        self.sinks: list[Callable[[Fact], None]] = []

    def __call__(self, fact: Fact) -> None:
        """Tell everybody."""
        for sink in self.sinks:
            sink(fact)


class Daemon:
    """Everything that runs, built once from the settings and an open store."""

    def __init__(
        self,
        settings: Settings,
        path: Path,
        env: Mapping[str, str],
        store: SqlStore,
        log: Log,
        lines: LineWriter,
    ) -> None:
        self.settings = settings
        self._lines = lines
        self._path, self._env = path, env
        self._store, self._log = store, log
        self._clock = SystemClock()
        self._facts = Facts()
        self._in_force = InForce(settings.policy(), AccountBook())
        self._trust = Trust((pbx.name for pbx in settings.pbx), settings.ami.stale_s)
        trunks = {pbx.name: Trunks(pbx.trunks) for pbx in settings.pbx}
        self._ledger = Ledger(trunks, _call_ids(self._clock))
        self._writer = StoreWriter(store, self._clock, self._facts)
        self._meter = Meter(
            self._ledger, self._in_force, self._trust, self._clock, self._facts, self._cut
        )
        self._tracker = Tracker(self._ledger, self._in_force, self._meter, self._clock, self._facts)
        self._reconciler = Reconciler(
            self._ledger, self._tracker, self._meter, self._trust, self._clock, self._facts
        )
        self._admission = Admission(
            self._ledger,
            self._in_force,
            self._trust,
            self._meter,
            self._clock,
            self._facts,
            hosts={pbx.host: pbx.name for pbx in settings.pbx},
        )
        self._recorder = Recorder(self._writer, admissions=settings.decisions.admissions)
        self._links: dict[str, PbxLink] = {}
        self._marks: dict[str, PbxMark] = {}

    # --- start ---------------------------------------------------------------------------------

    async def take_up(self) -> None:
        """Load the accounts, and take up live calls and usage where the last run left them."""
        accounts = await self._store.accounts()
        self._in_force.book = AccountBook(accounts.plans, accounts.tenants)
        now = self._clock.now()
        months = {
            month_of(now + timedelta(days=days), self._in_force.policy.timezone)
            for days in (-1, 0, 1)
        }
        for month in months:
            self._meter.load(await self._store.usage(month=month))
        self._marks = await self._store.marks()
        for pbx, mark in self._marks.items():
            if pbx in self._trust.links:
                self._trust.links[pbx].heard_at = mark.heard_at
        known = set(self._trust.links)
        restore(
            self._ledger,
            [call for call in await self._store.open_calls() if call.pbx in known],
            [leg for leg in await self._store.open_legs() if leg.key.pbx in known],
            await self._store.merges(now - timedelta(days=7)),
            self._clock,
        )
        self._meter.resume(now, self._clock.monotonic())

    async def run(self, notifier: Notifier) -> None:
        """Serve until told to stop; the end of a vital part ends the process."""
        inspector = Inspector(
            self._ledger,
            self._in_force,
            self._trust,
            self._meter,
            self._writer,
            self._clock,
            self._facts,
            heard=self._heard_at,
            journals={pbx.name: pbx.cel_csv is not None for pbx in self.settings.pbx},
            unowned_legs=len(await self._store.unowned_legs()),
        )
        metrics = Metrics(__version__, inspector, lambda: self._lines.dropped)
        self._facts.sinks = [self._recorder, self._log.sink, metrics.sink, inspector.sink]
        administration = Administration(
            self._store,
            self._in_force.book,
            self._clock,
            lambda: self._in_force.policy,
            self._facts,
            inspector,
        )
        watch = LinkWatch(self._log, metrics)
        stop = self._stop_on_signals()
        server = AgiServer(
            hook_settings(self.settings),
            self._admission.judge,
            self._admission.by_policy,
            HookWatch(self._log, metrics),
            self._clock,
        )
        async with asyncio.TaskGroup() as tasks, server:
            running = [tasks.create_task(self._writer.run(), name="store")]
            for pbx in self.settings.pbx:
                link = PbxLink(
                    link_settings(pbx),
                    self._tracker,
                    self._reconciler,
                    watch,
                    self._writer,
                    self._clock,
                    self._recovery_of(pbx),
                )
                self._links[pbx.name] = link
                running.append(tasks.create_task(link.run(), name=f"pbx {pbx.name}"))
            address, admin = self.settings.http.address, self.settings.http.admin
            http, unix = _listeners(address, admin)
            running += [
                tasks.create_task(self._housekeeping(), name="housekeeping"),
                tasks.create_task(self._watchdog(notifier), name="watchdog"),
                tasks.create_task(serve_http(public_app(inspector, metrics), http), name="http"),
                tasks.create_task(serve_http(admin_app(Desk(administration)), unix), name="admin"),
            ]
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, self._reload, server, notifier)
            self._log.info("ready", version=__version__, mode=self.settings.mode.value)
            notifier.ready(f"mode {self.settings.mode}")
            await stop.wait()
            notifier.stopping()
            await server.close()
            left = await self._writer.drain(DRAIN_S)
            self._log.info("stopped", unwritten=left)
            admin.unlink(missing_ok=True)
            for task in running:
                task.cancel()

    def _recovery_of(
        self, pbx: PbxSettings
    ) -> Callable[[Callable[[], None]], JournalRecovery] | None:
        """Who reads the journal of a PBX; None where it has none."""
        if pbx.cel_csv is None:
            return None
        journal, mark = CelJournal(pbx.cel_csv), self._marks.get(pbx.name, PbxMark(pbx.name))
        settler = Settler(
            self._ledger, self._tracker, self._meter, self._in_force, self._clock, self._facts
        )
        return lambda save: JournalRecovery(
            pbx.name,
            journal,
            JournalPosition(mark.journal_file, mark.journal_offset),
            self._ledger,
            settler,
            self._store,
            self._writer,
            self._clock,
            self._facts,
            save,
        )

    def _stop_on_signals(self) -> asyncio.Event:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return stop

    # --- while it runs -------------------------------------------------------------------------

    async def _housekeeping(self) -> None:
        for number in count(1):
            await asyncio.sleep(WATCH_S)
            if number % MARK_EVERY == 0:
                for link in self._links.values():
                    link.mark()
            self._meter.tick(self._clock.now(), self._clock.monotonic())
            self._reconciler.watch()
            for channel in self._reconciler.unconfirmed():
                held_by = self._links[channel.key.pbx].control
                if await held_by.channel_exists(channel.name) is False:
                    self._reconciler.expire(channel)

    async def _watchdog(self, notifier: Notifier) -> None:
        pause_s = min(WATCHDOG_S, notifier.watchdog_interval_s or WATCHDOG_S)
        while True:
            notifier.alive()
            await asyncio.sleep(pause_s)

    def _cut(self, channel: Channel, in_s: float) -> None:
        link = self._links.get(channel.key.pbx)
        if link is not None:
            link.cut(channel, in_s)

    def _heard_at(self, pbx: str) -> datetime | None:
        link = self._links.get(pbx)
        return link.heard_at() if link is not None else None

    def _reload(self, server: AgiServer, notifier: Notifier) -> None:
        """SIGHUP: a good file takes effect for the next call, a bad one changes nothing."""
        notifier.reloading(self._clock.monotonic())
        error: str | None = None
        try:
            change = reload_of(self.settings, load(self._path, self._env))
        except ConfigError as fault:
            error = str(fault)
        else:
            self._put_in_force(change.in_force, server)
            self._log.info("configuration read again", result=str(change))
        self._facts(ConfigReloaded(self._clock.now(), self._in_force.policy.mode, error))
        notifier.ready(f"mode {self._in_force.policy.mode}")

    def _put_in_force(self, settings: Settings, server: AgiServer) -> None:
        self.settings = settings
        self._in_force.policy = settings.policy()
        self._trust.stale_s = settings.ami.stale_s
        self._recorder.admissions = settings.decisions.admissions
        self._log.configure(settings.log.format, settings.log.level)
        server.reconfigure(hook_settings(settings))
        for pbx in settings.pbx:
            if pbx.name in self._links:
                self._links[pbx.name].link.change(link_settings(pbx))
                self._ledger.trunks[pbx.name] = Trunks(pbx.trunks)
        if {pbx.name for pbx in settings.pbx} != self._links.keys():
            self._log.warning("a [[pbx]] was added or removed: only after a restart")
        self._meter.rearm_all(self._clock.now(), self._clock.monotonic())


def _listeners(address: Address, admin: Path) -> tuple[socket.socket, socket.socket]:
    """The HTTP listeners; raises ListenError that names the one that cannot be had."""
    try:
        http = tcp_listener(address.host, address.port)
    except OSError as error:
        msg = f"http.listen {address}: {error.strerror}: end what listens there, or name another"
        raise ListenError(msg) from error
    try:
        return http, unix_listener(admin)
    except OSError as error:
        http.close()
        msg = f"http.admin {admin}: {error.strerror}: let this user write {admin.parent}"
        raise ListenError(msg) from error


def link_settings(pbx: PbxSettings) -> LinkSettings:
    """What a link must know of its `[[pbx]]`."""
    secret = pbx.secret.get_secret_value()
    return LinkSettings(pbx.name, pbx.host, pbx.username, secret, pbx.port)


def hook_settings(settings: Settings) -> HookSettings:
    """What the hook's server must know of `[agi]`."""
    address = settings.agi.address
    return HookSettings(
        host=address.host,
        port=address.port,
        allow=settings.agi.allow,
        deadline_s=settings.agi.deadline_ms / 1000,
    )


def _call_ids(clock: SystemClock) -> Callable[[], str]:
    """Ids that no other run of the daemon gives: its start in ms, then a number."""
    start = f"{int(clock.now().timestamp() * 1000):x}"
    numbers = count(1)
    return lambda: f"{start}-{next(numbers):x}"


def serve(path: Path, env: Mapping[str, str] | None = None) -> None:
    """Run the daemon until SIGTERM; raises ConfigError, StoreError or ListenError at its start."""
    env = os.environ if env is None else env
    settings = load(path, env)
    lines = LineWriter()
    log = Log(lines, SystemClock(), settings.log.format, settings.log.level)
    logging.basicConfig(handlers=[StandardHandler(log)], level=logging.WARNING, force=True)
    for warning in settings.warnings():
        log.warning(warning)
    try:
        with database_lock(settings.database.url), Notifier(env, os.getpid()) as notifier:
            uvloop.run(_serve(settings, path, env, log, lines, notifier))
    finally:
        lines.close()


async def _serve(
    settings: Settings,
    path: Path,
    env: Mapping[str, str],
    log: Log,
    lines: LineWriter,
    notifier: Notifier,
) -> None:
    async with await SqlStore.open(settings.database.url) as store:
        daemon = Daemon(settings, path, env, store, log, lines)
        await daemon.take_up()
        try:
            await daemon.run(notifier)
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:  # one fault, told by itself
                raise group.exceptions[0] from None
            raise

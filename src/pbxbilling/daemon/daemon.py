"""The daemon: every part built once and joined, its tasks run, and ended in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from datetime import datetime
from itertools import count
from random import Random

from pbxbilling import __version__
from pbxbilling.accounts.facts import DailyCheckFailed
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.statements.close import Closer
from pbxbilling.calls.engine.engine import CallEngine
from pbxbilling.calls.engine.fact_bus import OF_CALLS, FactBus
from pbxbilling.calls.engine.record_sink import Recorder
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.status import LiveStatus
from pbxbilling.calls.tenant_state import TenantStates
from pbxbilling.calls.tracking.restore import restore
from pbxbilling.calls.views import OldPortView
from pbxbilling.config.settings import Settings
from pbxbilling.daemon.broker import broker_settings
from pbxbilling.daemon.hooks import Hooks
from pbxbilling.daemon.listeners import http_listeners
from pbxbilling.daemon.payments_of import payment_desk_of, payments_of
from pbxbilling.daemon.pbx_fleet import PbxFleet
from pbxbilling.daemon.reload import Configuration, Reloader
from pbxbilling.daemon.services import desk_of
from pbxbilling.daemon.startup_state import StartupState
from pbxbilling.daemon.stores import Stores
from pbxbilling.daemon.tasks.daily import DailyTask, check_hour, purge_hour
from pbxbilling.daemon.tasks.figures import FiguresTask
from pbxbilling.daemon.tasks.housekeeping import Housekeeping
from pbxbilling.daemon.tasks.statements import StatementTask
from pbxbilling.daemon.tasks.supervisor import Supervisor
from pbxbilling.daemon.usage import usage_door_of
from pbxbilling.kernel.compiled import is_compiled
from pbxbilling.kernel.ports import Clock
from pbxbilling.mqtt.publisher import Publisher
from pbxbilling.privacy.retention import PurgeFailed
from pbxbilling.store.writer import StoreWriter
from pbxbilling.telemetry.facts.lines import masked
from pbxbilling.telemetry.logs import Log
from pbxbilling.telemetry.metrics import Metrics
from pbxbilling.telemetry.notify import Notifier
from pbxbilling.telemetry.observers import BrokerWatch, HookWatch, LinkWatch
from pbxbilling.telemetry.writer import LineWriter
from pbxbilling.web.admin import admin_app
from pbxbilling.web.public import public_app
from pbxbilling.web.server import serve as serve_http

DRAIN_S = 10.0  # how long an ordinary end waits for the store
WATCHDOG_S = 1.0


class Daemon:
    """Everything that runs, built from the settings and what the store knows.

    A part joins it by a line in `__init__` and, as it needs them, one each in `_join_sinks` (it
    hears of every fact), `_tasks` (it runs; its end ends the daemon) and `_put_in_force` (it goes
    by settings that a reload changes).
    """

    def __init__(
        self,
        configuration: Configuration,
        stores: Stores,
        startup: StartupState,
        clock: Clock,
        log: Log,
        lines: LineWriter,
        notifier: Notifier,
    ) -> None:
        settings = configuration.settings
        self._http = settings.http
        self._clock, self._log, self._notifier = clock, log, notifier
        facts = FactBus()
        self._supervisor = Supervisor(clock, facts)
        self._writer = StoreWriter(stores.records, clock, facts)
        self._recorder = Recorder(
            self._writer, startup.registry, admissions=settings.decisions.admissions
        )
        in_force = InForce(settings.policy(), startup.registry)
        self._engine = CallEngine(
            in_force,
            clock,
            facts,
            stale_s=settings.ami.stale_s,
            cut=self._cut,
            new_id=_call_ids(clock),
        )
        self._mqtt = Publisher(
            broker_settings(settings.mqtt),
            TenantStates(self._engine.ledger, in_force, self._engine.allowances, clock),
            masked,
            BrokerWatch(log),
            clock,
            Random(),  # noqa: S311 - for pauses, and a name
        )
        self._live_status = LiveStatus(
            self._engine.ledger,
            in_force,
            self._engine.trust,
            self._engine.allowances,
            self._engine.cutter,
            self._writer,
            clock,
            facts,
            version=__version__,
            heard=self._heard_at,
            broker=self._mqtt.view,
            old_port=self._old_port,
            unowned_legs=startup.unowned_legs,
        )
        self._metrics = Metrics(__version__, self._live_status, lambda: lines.dropped)
        self._join_sinks(facts)
        self._pbx_fleet = PbxFleet(
            settings.pbx,
            startup.marks,
            self._engine,
            LinkWatch(log, self._metrics.counters),
            stores.calls,
            self._writer,
            clock,
            facts,
        )
        self._housekeeping = Housekeeping(self._engine, self._pbx_fleet, clock, self._supervisor)
        self._accounts = AccountWriter(
            stores.accounts, in_force.registry, clock, facts, asyncio.Lock()
        )
        self._payments = payments_of(
            settings.stripe,
            stores,
            self._accounts,
            clock,
            facts,
            lambda: in_force.policy,
            self._pbx_fleet.known_until,
            self._supervisor,
        )
        self._services = desk_of(
            stores,
            self._accounts,
            clock,
            facts,
            lambda: in_force.policy,
            lambda: configuration.settings.retention,
            self._live_status,
            payment_desk_of(self._payments),
        )
        self._daily_task = DailyTask(
            self._services.daily, clock, facts, check_hour(settings), DailyCheckFailed
        )
        self._purge_task = DailyTask(
            self._services.purge, clock, facts, purge_hour(settings), PurgeFailed
        )
        self._figures_task = FiguresTask(self._services.figures, facts)
        closer = Closer(
            self._services.billing.statements,
            in_force.registry.tenants,
            clock,
            facts,
            self._pbx_fleet.known_until,
            self._writer.flush,
            lambda: asyncio.sleep(0),
        )
        self._statements = StatementTask(closer, clock)
        self._usage = usage_door_of(settings.usage, stores, self._accounts, clock, facts)
        self._hook = Hooks(
            settings,
            self._engine.admission.judge,
            self._engine.admission.by_policy,
            self._engine.admission.malformed,
            HookWatch(log, self._metrics.counters),
            clock,
            log,
        )
        self._reload = Reloader(configuration, self._put_in_force, clock, facts, log, notifier)
        self._join_later_sinks(facts)
        self._take_up(startup)

    def _join_sinks(self, facts: FactBus) -> None:
        """Whoever makes something of facts; the store first."""
        facts.join((self._recorder, self._log.sink, self._metrics.counters.sink))
        facts.join((self._live_status.sink, self._engine.cutter.sink), besides=OF_CALLS)
        facts.join((self._mqtt.sink,))

    def _join_later_sinks(self, facts: FactBus) -> None:
        """Those that are built on the PBXes, which tell already as they are taken up."""
        if self._payments:
            facts.join((self._payments.sink,), besides=OF_CALLS)
        facts.join((self._figures_task.sink, self._statements.sink), besides=OF_CALLS)

    def _cut(self, channel: Channel, in_s: float) -> None:
        self._pbx_fleet.cut(channel, in_s)  # built later: it works on the core that asks here

    def _heard_at(self, pbx: str) -> datetime | None:
        return self._pbx_fleet.heard_at(pbx)

    def _old_port(self) -> OldPortView | None:
        return self._hook.old_port()

    def _take_up(self, startup: StartupState) -> None:
        """Take up live calls and usage where the last run left them."""
        engine = self._engine
        engine.allowances.load(startup.usage)
        restore(
            engine.ledger,
            startup.open_calls,
            startup.open_legs,
            startup.merges,
            startup.lived_at,
            self._clock,
        )
        self._pbx_fleet.let_go_unnamed()
        engine.meter.resume(
            engine.ledger.channels.values(), self._clock.now(), self._clock.monotonic()
        )

    def _put_in_force(self, settings: Settings) -> None:
        """Everything that follows a reload."""
        engine = self._engine
        engine.in_force.policy = settings.policy()
        engine.trust.stale_s = settings.ami.stale_s
        self._recorder.admissions = settings.decisions.admissions
        self._log.configure(settings.log.format, settings.log.level)
        self._hook.reconfigure(settings)
        self._pbx_fleet.change(settings.pbx)
        self._mqtt.change(broker_settings(settings.mqtt))
        self._daily_task.change(check_hour(settings))
        self._purge_task.change(purge_hour(settings))
        engine.cutter.rearm_all(self._clock.now(), self._clock.monotonic())

    # --- running -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until told to stop; the end of a vital part ends the process."""
        stop = _stop_on_signals()
        async with asyncio.TaskGroup() as group, self._hook:
            running = [group.create_task(work, name=name) for name, work in self._tasks().items()]
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
            mode = self._engine.in_force.policy.mode
            self._log.info("ready", version=__version__, compiled=is_compiled(), mode=mode.value)
            self._notifier.ready(f"mode {mode}")
            await stop.wait()
            await self._end()
            for task in running:
                task.cancel()

    def _tasks(self) -> dict[str, Coroutine[None, None, None]]:
        """What runs beside the hook, by its name; raises ListenError.

        The end of one ends the daemon: of those that are not vital none comes to it by a fault.
        """
        http, admin = http_listeners(self._http)
        webhook = self._payments.webhook if self._payments else None
        payments = {"payments": self._payments.run()} if self._payments else {}
        jobs = {
            "mqtt": self._mqtt.run,
            "daily check": self._daily_task.run,
            "statements": self._statements.run,
            "purge": self._purge_task.run,
            "figures": self._figures_task.run,
        }
        return {
            **payments,
            **{name: self._supervisor.keep_running(name, job) for name, job in jobs.items()},
            "store": self._writer.run(),
            "pbxes": self._pbx_fleet.run(),
            "housekeeping": self._housekeeping.run(),
            "watchdog": self._watchdog(),
            "http": serve_http(
                public_app(self._live_status, self._metrics, webhook, self._usage), http
            ),
            "admin": serve_http(admin_app(self._services), admin),
        }

    async def _end(self) -> None:
        """Take no more calls, and keep what is known of the others."""
        self._notifier.stopping()
        self._pbx_fleet.mark()
        await self._hook.close()
        left = await self._writer.drain(DRAIN_S)
        await self._mqtt.leave()
        self._log.info("stopped", unwritten=left)
        self._http.admin.unlink(missing_ok=True)

    async def _watchdog(self) -> None:
        pause_s = min(WATCHDOG_S, self._notifier.watchdog_interval_s or WATCHDOG_S)
        while True:
            self._notifier.alive()
            await asyncio.sleep(pause_s)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _call_ids(clock: Clock) -> Callable[[], str]:
    """Ids that no other run of the daemon gives: its start in ms, then a number."""
    start = f"{int(clock.now().timestamp() * 1000):x}"
    numbers = count(1)
    return lambda: f"{start}-{next(numbers):x}"

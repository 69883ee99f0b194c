"""Builds and joins every part of the daemon, runs its tasks and stops them in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial

from fastapi import FastAPI, Request

from pbxbilling import __version__
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.billing.count_units import UnitCounter
from pbxbilling.calls.engine.fact_bus import OF_CALLS, FactBus
from pbxbilling.config.sections import UsageSettings
from pbxbilling.config.settings import Settings
from pbxbilling.daemon.jobs import Jobs
from pbxbilling.daemon.listeners import http_listeners
from pbxbilling.daemon.live import LiveCalls
from pbxbilling.daemon.payments import wire_gateway
from pbxbilling.daemon.reload import Configuration, Reloader
from pbxbilling.daemon.startup_state import StartupState
from pbxbilling.daemon.tasks.supervisor import Supervisor
from pbxbilling.identity.people.own_account import OwnAccount
from pbxbilling.identity.principal import Principal
from pbxbilling.identity.sign_in import SignIn
from pbxbilling.kernel.ports import Clock
from pbxbilling.runtime.compiled import is_compiled
from pbxbilling.telemetry.logs import Log
from pbxbilling.telemetry.notify import Notifier
from pbxbilling.telemetry.writer import LineWriter
from pbxbilling.web.actor import GRANT, Peers
from pbxbilling.web.api import always, api, warmed_up
from pbxbilling.web.api.rights import Feature
from pbxbilling.web.api.services import Services
from pbxbilling.web.live import LiveFeed
from pbxbilling.web.public import public_app
from pbxbilling.web.server import serve_commands, serve_public
from pbxbilling.web.usage import UsageEndpoint
from pbxbilling.wiring.services import Ground, wire_services
from pbxbilling.wiring.stores import Stores
from pbxbilling.worker.process import Worker, WorkerOn, WorkerProcess

DRAIN_S = 10.0  # how long an orderly stop waits for the store
WATCHDOG_S = 1.0


class Daemon:
    """Everything that runs, built from the settings and the state in the store.

    A new part is added where its subject is wired (`wiring/services.py`, `live.py`, `payments.py`,
    `jobs.py`) and, as needed, by one line each in `_tasks` (it runs; its end ends the daemon) and
    `_put_in_force` (a reload changes its settings).
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
        self._http, database = settings.http, settings.database
        self._clock, self._log, self._notifier = clock, log, notifier
        facts = FactBus()
        self.supervisor = Supervisor(clock, facts)
        self.ground = Ground.of(stores, InForce(settings.policy(), startup.registry), clock, facts)
        self.live = LiveCalls(self.ground, facts, settings, startup, self.supervisor, log, lines)
        self.payments = wire_gateway(
            settings.stripe,
            settings.sale_pages,
            self.ground,
            self.live.pbx_fleet.known_until,
            self.live.outside_calls,
            self.supervisor,
        )
        by_worker = WorkerOn(self.new_worker(), database.place.text, database.folder)
        self.services = wire_services(
            self.ground,
            settings.retention.retention(),
            self.live.for_commands,
            self.payments.services(self.ground) if self.payments else None,
            by_worker,
        )
        self.services = _with_live(self.services, settings.usage, self.ground, self.live.feed)
        self._api = _commands(self.services, self.ground, settings)
        self.jobs = Jobs(self.ground, self.services, self.live, settings, by_worker)
        self._reload = Reloader(configuration, self._put_in_force, clock, facts, log, notifier)
        if self.payments:
            facts.join((self.payments.sink,), besides=OF_CALLS)
        self.jobs.join(facts)

    @staticmethod
    def new_worker() -> Worker:
        """Return what runs jobs beside the daemon."""
        return WorkerProcess()

    def _put_in_force(self, settings: Settings) -> None:
        """Apply reloaded settings to every part that uses them."""
        self.live.put_in_force(settings)
        self.jobs.put_in_force(settings)
        self.live.engine.cutter.rearm_all(self._clock.now(), self._clock.monotonic())

    # --- running -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; the end of a vital part ends the process."""
        stop = _stop_on_signals()
        async with asyncio.TaskGroup() as group, self.live.hooks:
            running = [group.create_task(work, name=name) for name, work in self._tasks().items()]
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
            mode = self.ground.in_force.policy.mode
            self._log.info("ready", version=__version__, compiled=is_compiled(), mode=mode.value)
            self._notifier.ready(f"mode {mode}")
            await stop.wait()
            await self._end()
            for task in running:
                task.cancel()

    def _tasks(self) -> dict[str, Coroutine[None, None, None]]:
        """Return the tasks that run beside the hook, by name. Raises ListenError.

        A task that fails ends the daemon; the supervisor restarts those that are not vital.
        """
        live = self.live
        counters = live.metrics.counters
        http, self._admin = http_listeners(self._http)
        webhook = self.payments.flows.webhook if self.payments else None
        payments = {"payments": self.payments.run()} if self.payments else {}
        jobs = {"mqtt": live.mqtt.run, "live": live.feed.run, **self.jobs.runs()}
        return {
            **payments,
            **{name: self.supervisor.keep_running(name, job) for name, job in jobs.items()},
            "store": live.writer.run(),
            "pbxes": live.pbx_fleet.run(),
            "housekeeping": live.housekeeping.run(),
            "watchdog": self._watchdog(),
            "http": serve_public(
                public_app(live.status, live.metrics, counters, webhook, self.services.usage),
                http,
                counters,
            ),
            "admin": serve_commands(self._api, self._admin.listener),
        }

    async def _end(self) -> None:
        """Stop taking calls, and save the state of the live ones."""
        self._notifier.stopping()
        self.live.pbx_fleet.mark()
        await self.live.hooks.close()
        left = await self.live.writer.drain(DRAIN_S)
        await self.live.mqtt.leave()
        self._log.info("stopped", unwritten=left)
        self._admin.close()

    async def _watchdog(self) -> None:
        pause_s = min(WATCHDOG_S, self._notifier.watchdog_interval_s or WATCHDOG_S)
        while True:
            self._notifier.alive()
            await asyncio.sleep(pause_s)


def _commands(services: Services, ground: Ground, settings: Settings) -> FastAPI:
    """Return the application of the admin socket."""
    sign_in = SignIn(ground.stores.identity_store, ground.clock)
    peers = Peers(sign_in, settings.web.user)
    is_stepped_up = partial(_is_stepped_up, services.identity.own_account)
    off = map(Feature, settings.switched_off)
    return warmed_up(
        api(always(services), peers.principal_of, is_stepped_up=is_stepped_up, switched_off=[*off])
    )


def _is_stepped_up(own: OwnAccount, request: Request, principal: Principal) -> bool:
    return own.is_granted(principal, request.headers.get(GRANT, ""))


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _with_live(
    services: Services, settings: UsageSettings, ground: Ground, feed: LiveFeed
) -> Services:
    """Return the services with those that only a running daemon has."""
    usage = UsageEndpoint(
        settings.token.get_secret_value(),
        SignIn(ground.stores.identity_store, ground.clock),
        services.administration.restriction,
        UnitCounter(ground.stores.statement_store, ground.accounts, ground.clock),
        ground.clock,
        ground.emit,
    )
    return replace(services, usage=usage, live=feed)

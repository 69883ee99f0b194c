"""Wires live calls: the engine over the ledger, the PBXes and hooks that feed it, and the sinks of
its facts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import count
from random import Random

from pbxbilling import __version__
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.engine.engine import CallEngine
from pbxbilling.calls.engine.fact_bus import OF_CALLS, FactBus
from pbxbilling.calls.engine.record_sink import Recorder
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.facts import CallChanged, CallEnded, CallStarted, LegAnswered
from pbxbilling.calls.ports import Live
from pbxbilling.calls.release import SlotRelease
from pbxbilling.calls.status import LiveStatus, Surroundings
from pbxbilling.calls.tenant_state import TenantStates
from pbxbilling.calls.tracking.restore import restore
from pbxbilling.calls.trunk_use import TrunkUse
from pbxbilling.calls.unowned import UnownedCalls
from pbxbilling.calls.views import OldPortView
from pbxbilling.config.sections import MqttSettings
from pbxbilling.config.settings import Settings
from pbxbilling.daemon.hooks import Hooks
from pbxbilling.daemon.pbx_fleet import PbxFleet
from pbxbilling.daemon.startup_state import StartupState
from pbxbilling.daemon.tasks.housekeeping import Housekeeping
from pbxbilling.daemon.tasks.supervisor import Supervisor
from pbxbilling.kernel.ports import Clock
from pbxbilling.mqtt.publisher import Publisher
from pbxbilling.mqtt.settings import BrokerSettings
from pbxbilling.store.writer import StoreWriter
from pbxbilling.telemetry.facts.line import masked
from pbxbilling.telemetry.logs import Log
from pbxbilling.telemetry.metrics import Metrics
from pbxbilling.telemetry.observers import BrokerWatch, HookWatch, LinkWatch
from pbxbilling.telemetry.writer import LineWriter
from pbxbilling.web.api.calls import Call, StatusBody
from pbxbilling.web.api.shape import shaped
from pbxbilling.web.live import LiveFeed
from pbxbilling.wiring.services import Ground


class LiveCalls:
    """The parts of live calls, joined in a fixed order: the sinks of facts, then the PBXes, which
    emit facts as they are added, then the calls that an earlier run left.
    """

    def __init__(
        self,
        ground: Ground,
        facts: FactBus,
        settings: Settings,
        startup: StartupState,
        supervisor: Supervisor,
        log: Log,
        lines: LineWriter,
    ) -> None:
        self._clock, self._log = ground.clock, log
        self.writer = StoreWriter(ground.stores.records, ground.clock, facts)
        self.recorder = Recorder(
            self.writer, ground.in_force.registry, admissions=settings.decisions.admissions
        )
        self.engine = self._wire_engine(ground, settings)
        self.mqtt = self._wire_mqtt(ground, settings)
        engine = self.engine
        self.unowned = UnownedCalls(engine.ledger, ground.in_force, engine.trust, ground.clock)
        self.trunk_use = TrunkUse(engine.ledger, ground.clock, facts)
        self.status = self._wire_status(ground, startup)
        self.for_commands = self._wire_commands(ground)
        self.feed = LiveFeed(
            engine.ledger,
            self.status.status,
            self.status.allowance_left_s,
            partial(shaped, Call),
            partial(shaped, StatusBody),
            ground.clock,
        )
        self.metrics = Metrics(__version__, self.status, lambda: lines.dropped)
        self._join_sinks(facts)
        self.pbx_fleet = PbxFleet(
            startup.marks,
            self.engine,
            LinkWatch(log, self.metrics.counters),
            ground.stores.calls,
            self.writer,
            ground.clock,
            facts,
        )
        self._follow(settings)
        watch = HookWatch(log, self.metrics.counters)
        self.hooks = Hooks(settings, self.engine.admission, watch, ground.clock, log)
        self.housekeeping = Housekeeping(
            self.engine, self.pbx_fleet, self.trunk_use, ground.clock, supervisor
        )
        self._take_up(startup)

    def _wire_engine(self, ground: Ground, settings: Settings) -> CallEngine:
        return CallEngine(
            ground.in_force,
            ground.clock,
            ground.emit,
            stale_s=settings.ami.stale_s,
            cut=self._cut,
            new_id=_call_ids(ground.clock),
        )

    def _wire_mqtt(self, ground: Ground, settings: Settings) -> Publisher:
        engine = self.engine
        states = TenantStates(engine.ledger, ground.in_force, engine.allowances, ground.clock)
        rng = Random()  # noqa: S311 - for pauses and a client id
        broker = broker_settings(settings.mqtt)
        return Publisher(broker, states, masked, BrokerWatch(self._log), ground.clock, rng)

    def _wire_status(self, ground: Ground, startup: StartupState) -> LiveStatus:
        around = Surroundings(
            __version__,
            self._heard_at,
            self.mqtt.view,
            self._old_port,
            self.unowned.view,
            self.trunk_use.of,
        )
        return LiveStatus(
            self.engine,
            self.writer,
            around,
            ground.clock,
            unowned_legs=startup.unowned_legs,
        )

    def _wire_commands(self, ground: Ground) -> Live:
        slots = SlotRelease(self.engine.ledger, ground.clock, ground.emit)
        return Live(self.status, slots.release, self.engine.cutter.assigned)

    def _join_sinks(self, facts: FactBus) -> None:
        """Subscribe all sinks of facts, the store first."""
        facts.join((self.recorder, self._log.sink, self.metrics.counters.sink))
        facts.join((self.status.sink, self.engine.cutter.sink), besides=OF_CALLS)
        facts.join((self.unowned.sink,), besides={CallStarted, CallChanged, CallEnded})
        facts.join((self.mqtt.sink,))
        facts.join((self.feed.sink,), besides={AdmissionDecided, LegAnswered})

    def _take_up(self, startup: StartupState) -> None:
        """Restore live calls and usage from the last run."""
        engine, clock = self.engine, self._clock
        engine.allowances.load(startup.usage)
        restore(
            engine.ledger,
            startup.open_calls,
            startup.open_legs,
            startup.merges,
            startup.lived_at,
            clock,
        )
        self.pbx_fleet.let_go_unnamed()
        engine.meter.resume(engine.ledger.channels.values(), clock.now(), clock.monotonic())

    def outside_calls(self, tenant: str) -> int:
        """Return how many calls a tenant has with the outside world."""
        return self.engine.ledger.load(tenant).calls(count_internal=False)

    def put_in_force(self, settings: Settings) -> None:
        """Apply reloaded settings in one step: no call sees half of them."""
        engine = self.engine
        engine.in_force.policy = settings.policy()
        engine.trust.stale_s = settings.ami.stale_s
        self.recorder.admissions = settings.decisions.admissions
        self._log.configure(settings.log.format, settings.log.level)
        self.hooks.reconfigure(settings)
        self._follow(settings)
        self.mqtt.change(broker_settings(settings.mqtt))

    def _follow(self, settings: Settings) -> None:
        self.pbx_fleet.change(settings.pbx)
        self.trunk_use.change({pbx.name: pbx.trunk_channels for pbx in settings.pbx})

    # --- for parts that are wired before the parts they call -----------------------------------

    def _cut(self, channel: Channel, in_s: float) -> None:
        self.pbx_fleet.cut(channel, in_s)

    def _heard_at(self, pbx: str) -> datetime | None:
        return self.pbx_fleet.heard_at(pbx)

    def _old_port(self) -> OldPortView | None:
        return self.hooks.old_port()


def broker_settings(settings: MqttSettings) -> BrokerSettings | None:
    """Return the publisher's settings from `[mqtt]`; None where it is not enabled."""
    if not settings.enabled:
        return None
    address, tls = settings.broker
    return BrokerSettings(
        host=address.host,
        port=address.port,
        tls=tls,
        username=settings.username,
        password=settings.password.get_secret_value(),
        ca_file=settings.ca_file,
        queue=settings.queue,
    )


def _call_ids(clock: Clock) -> Callable[[], str]:
    """Return a generator of ids unique across runs: the start in ms, then a number."""
    start = f"{int(clock.now().timestamp() * 1000):x}"
    numbers = count(1)
    return lambda: f"{start}-{next(numbers):x}"

"""The daemon's core with its real sinks, wired as in the daemon, for measurements.

Two parts differ. The log goes to a file. Records pass the real writer and its queue into a store
that drops them: the cost of a row is the store's own measurement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path
from random import randrange

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.engine.engine import CallEngine
from pbxbilling.calls.engine.fact_bus import OF_CALLS, FactBus
from pbxbilling.calls.engine.record_sink import Recorder
from pbxbilling.calls.live.channel import ChannelKey, Trunks
from pbxbilling.calls.live.signals import OF_THE_PBX, ChannelSeen, Hangup, Newchannel, Signal
from pbxbilling.calls.status import LiveStatus, Surroundings
from pbxbilling.catalog.plan import Limits, Plan
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import RecordStore
from pbxbilling.kernel.records import Record
from pbxbilling.runtime import gc_tuning as garbage
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.store.writer import StoreWriter
from pbxbilling.telemetry.logs import Log
from pbxbilling.telemetry.metrics import Metrics
from pbxbilling.telemetry.observers import HookWatch
from pbxbilling.telemetry.writer import LineWriter
from tests.support.store.memory_store import MemoryStore

PBX = "pbx1"
TENANTS = 100
_LIMITS = Limits(
    max_calls=1000, max_outbound_calls=1000, max_trunk_legs=2000, max_calls_per_second=10_000
)


class ForgetfulStore(MemoryStore):
    """Saves nothing; a commit takes no time, or `commit_s`."""

    def __init__(self, commit_s: float) -> None:
        super().__init__()
        self._commit_s = commit_s

    async def commit(
        self,
        records: Sequence[Record],  # noqa: ARG002
        facts: Sequence[Fact] = (),  # noqa: ARG002
        number: int | None = None,  # noqa: ARG002
    ) -> None:
        """Drop them."""
        if self._commit_s:
            await asyncio.sleep(self._commit_s)


class Core:
    """Admission and tracking of one reconciled PBX in enforce mode.

    Its tenants have limits far out of reach, and their own name as account code; `calls` calls of
    random tenants are live. Create it in a running loop, which must also run `writer`. With
    `silent` no sink receives the facts; a commit takes `commit_s`, or what it takes in `store`.
    """

    def __init__(
        self,
        log: Path,
        *,
        tenants: int = TENANTS,
        calls: int = 0,
        silent: bool = False,
        commit_s: float = 0.0,
        store: RecordStore | None = None,
    ) -> None:
        self.clock = SystemClock()
        plan = Plan("limited", limits=_LIMITS)
        ids = count(1)
        facts = FactBus()
        registry = Registry([plan], map(partial(_tenant, plan), range(tenants)))
        core = CallEngine(
            InForce(Policy(mode=Mode.ENFORCE), registry),
            self.clock,
            facts,
            stale_s=30,
            cut=lambda *_: None,
            new_id=lambda: f"19aa1b2c3d4-{next(ids):x}",
        )
        _take_up_pbx(core)
        self.ledger, self.tracker, self.admission = core.ledger, core.tracker, core.admission
        self.reconciler = core.reconciler
        self.writer = StoreWriter(store or ForgetfulStore(commit_s), self.clock, facts)
        self._lines = LineWriter(log.open("ab").fileno())
        lines = Log(self._lines, self.clock, "json", "info")
        around = Surroundings("bench", lambda _: None, lambda: None, lambda: None)
        status = LiveStatus(core, self.writer, around, self.clock, unowned_legs=0)
        self.metrics = Metrics("bench", status, lambda: self._lines.dropped)
        self.watch = HookWatch(lines, self.metrics.counters)
        if not silent:
            recorder = Recorder(self.writer, core.in_force.registry, admissions=False)
            facts.join((recorder, lines.sink, self.metrics.counters.sink))
            facts.join((status.sink, core.cutter.sink), besides=OF_CALLS)

        self._begin(calls, tenants)
        self._standing = frozenset(self.ledger.channels)
        garbage.begin()

    def _begin(self, calls: int, tenants: int) -> None:
        for number in range(calls):
            tenant, uniqueid = tenant_name(randrange(tenants)), f"standing.{number}"
            name = f"PJSIP/{tenant}-{number:08x}"
            ask = HookRequest(uniqueid, name, tenant=tenant, linkedid=uniqueid, pbx=PBX)
            assert self.admission.judge(ask).admit
            seen = ChannelSeen(ChannelKey(PBX, uniqueid), name, 4, uniqueid, tenant)
            self.tracker.apply(Newchannel(seen, None))

    def hear(self, signal: Signal) -> None:
        """Track a signal about a channel."""
        if not isinstance(signal, OF_THE_PBX):
            self.tracker.apply(signal)

    def hang_up(self) -> None:
        """Process the hangup of every channel that was not there at the beginning."""
        for key in self.ledger.channels.keys() - self._standing:
            self.tracker.apply(Hangup(key, None))


def tenant_name(number: int) -> str:
    """Return the slug and account code of a tenant."""
    return f"tenant{number}"


def _tenant(plan: Plan, number: int) -> Tenant:
    return Tenant(tenant_name(number), plan.slug, accountcodes=(tenant_name(number),))


def _take_up_pbx(core: CallEngine) -> None:
    core.trust.take_up(PBX, None)
    link = core.trust.links[PBX]
    link.connected = link.reconciled = True
    core.ledger.trunks[PBX] = Trunks(("PJSIP/carrier",))
    core.admission.hosts = {"127.0.0.1": PBX}

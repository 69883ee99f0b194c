"""The daemon's core with its real sinks, wired as the daemon does it, for what is measured.

Two things stand in for others. The log goes to a file. Records go through the real writer and its
queue into a store that forgets them at once: what a row costs is the store's own measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from pbxbilling.app.facts import Facts
from pbxbilling.clock import SystemClock
from pbxbilling.domain.admission import Mode
from pbxbilling.domain.book import AccountBook
from pbxbilling.domain.channel import Trunks
from pbxbilling.domain.plan import Limits, Plan
from pbxbilling.domain.policy import Policy
from pbxbilling.domain.records import Record
from pbxbilling.domain.signals import Hangup
from pbxbilling.domain.tenant import Tenant
from pbxbilling.services.core import Core as Services
from pbxbilling.services.inforce import InForce
from pbxbilling.services.inspect import Inspector
from pbxbilling.services.record import Recorder
from pbxbilling.store.writer import StoreWriter
from pbxbilling.telemetry.logs import Log
from pbxbilling.telemetry.metrics import Metrics
from pbxbilling.telemetry.observers import HookWatch
from pbxbilling.telemetry.writer import LineWriter
from tests.support.memory_store import MemoryStore

PBX = "pbx1"
TENANTS = [f"tenant{number}" for number in range(100)]
_LIMITS = Limits(
    max_calls=1000, max_outbound_calls=1000, max_trunk_legs=2000, max_calls_per_second=10_000
)


class ForgetfulStore(MemoryStore):
    """Commits in no time, and keeps nothing."""

    async def commit(self, records: Sequence[Record]) -> None:
        """Forget them."""


class Core:
    """Admission and tracking of one reconciled PBX in enforce mode, with a hundred tenants.

    All have limits, far away, and an account code of their own name. Made in a running loop,
    which also has to run `writer`. With `silent` no sink hears the facts.
    """

    def __init__(self, log: Path, *, silent: bool = False) -> None:
        self.clock = SystemClock()
        plan = Plan("limited", limits=_LIMITS)
        tenants = [Tenant(name, plan.slug, accountcodes=(name,)) for name in TENANTS]
        ids = count(1)
        facts = Facts()
        core = Services(
            InForce(Policy(mode=Mode.ENFORCE), AccountBook([plan], tenants)),
            self.clock,
            facts,
            stale_s=30,
            cut=lambda *_: None,
            new_id=lambda: f"19aa1b2c3d4-{next(ids):x}",
        )
        _take_up_pbx(core)
        self.ledger, self.tracker, self.admission = core.ledger, core.tracker, core.admission
        self.writer = StoreWriter(ForgetfulStore(), self.clock, facts)
        self._lines = LineWriter(log.open("ab").fileno())
        lines = Log(self._lines, self.clock, "json", "info")
        inspector = Inspector(
            core.ledger,
            core.in_force,
            core.trust,
            core.meter,
            self.writer,
            self.clock,
            facts,
            broker=lambda: None,
            heard=lambda _: None,
            unowned_legs=0,
        )
        metrics = Metrics("bench", inspector, lambda: self._lines.dropped)
        self.watch = HookWatch(lines, metrics)
        if not silent:
            recorder = Recorder(self.writer, core.in_force.book, admissions=False)
            facts.join((recorder, lines.sink, metrics.sink, inspector.sink))

    def hang_up_all(self) -> None:
        """Hear the hangup of every channel that lives."""
        for key in list(self.ledger.channels):
            self.tracker.apply(Hangup(key, None))


def _take_up_pbx(core: Services) -> None:
    core.trust.take_up(PBX, None)
    link = core.trust.links[PBX]
    link.connected = link.reconciled = True
    core.ledger.trunks[PBX] = Trunks(("PJSIP/carrier",))
    core.admission.hosts = {"127.0.0.1": PBX}

"""The core without adapters: hooks and signals in, verdicts and facts out, at any speed."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.calls.admission.admit import Admission
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.calls.live import signals
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.channel import ChannelKey, Trunks
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.load import Load
from pbxbilling.calls.live.proof import Proof
from pbxbilling.calls.live.signals import ChannelSeen, Snapshot
from pbxbilling.calls.live.trust import Trust
from pbxbilling.calls.metering.allowance import Allowances
from pbxbilling.calls.metering.cut import Cutter
from pbxbilling.calls.metering.meter import Meter
from pbxbilling.calls.recovery.reconcile import Reconciler
from pbxbilling.calls.tracking.adopt import Adopter
from pbxbilling.calls.tracking.track import Tracker
from pbxbilling.catalog.plan import Limits, Plan
from pbxbilling.kernel.codes import Direction, Mode
from pbxbilling.kernel.facts import Fact
from tests.support.kernel.clock import START, Clock

T = TypeVar("T")


class World:
    """Two PBXes, both reconciled, and the given tenants."""

    def __init__(
        self,
        mode: Mode,
        plan: Plan,
        tenants: tuple[str, ...] = ("acme",),
        *,
        start: datetime = START,
        timezone: str = "UTC",
    ) -> None:
        self.clock = Clock(start)
        self.pbx_ahead_s = 0.0
        self.facts: list[Fact] = []
        self.cuts: list[tuple[Channel, float]] = []
        registry = Registry(
            [plan], [Tenant(name, plan.slug, timezone=timezone) for name in tenants]
        )
        self.in_force = InForce(Policy(mode=mode), registry)
        self.trust = Trust(("pbx1", "pbx2"), stale_s=30)
        for link in self.trust.links.values():
            link.connected = link.reconciled = True
        ids = count(1)
        trunks = Trunks(("PJSIP/carrier",))
        self.ledger = Ledger({"pbx1": trunks, "pbx2": trunks}, lambda: f"c{next(ids):06}")
        self.allowances = Allowances()
        self.cutter = Cutter(
            self.allowances,
            self.ledger,
            self.in_force,
            self.trust,
            self.clock,
            self.facts.append,
            lambda channel, in_s: self.cuts.append((channel, in_s)),
        )
        self.meter = Meter(
            self.allowances, self.cutter, self.in_force, self.clock, self.facts.append
        )
        self.tracker = Tracker(
            self.ledger, self.in_force, self.meter, self.clock, self.facts.append
        )
        self.reconciler = Reconciler(
            self.ledger,
            self.tracker,
            Adopter(self.ledger, self.in_force, self.tracker, self.clock, self.facts.append),
            self.cutter,
            self.trust,
            self.clock,
            self.facts.append,
        )
        for pbx in self.trust.links:
            now = (self.clock.now(), self.clock.monotonic())
            done(self.reconciler.apply(Snapshot(pbx, (), True, *now)))
        self.facts.clear()
        self.admission = Admission(
            self.ledger,
            self.in_force,
            self.trust,
            self.meter,
            self.clock,
            self.facts.append,
            hosts={},
        )

    def hook(
        self,
        uniqueid: str,
        tenant: str = "acme",
        direction: Direction = Direction.OUTBOUND,
        *,
        pbx: str = "pbx1",
        name: str = "",
        number: str = "0155501",
        linkedid: str = "",
        accountcode: str = "",
        context: str = "",
    ) -> Verdict:
        """Run the hook of a channel's dialplan."""
        return self.admission.judge(
            HookRequest(
                uniqueid=uniqueid,
                channel=name or f"PJSIP/phone-{uniqueid}",
                direction=direction,
                tenant=tenant,
                linkedid=linkedid or uniqueid,
                number=number,
                pbx=pbx,
                accountcode=accountcode,
                context=context,
            )
        )

    def proof(self) -> Proof:
        """Return proof that the PBX sends anything at all."""
        return Proof(self.stamp(), self.clock.monotonic())

    def stamp(self) -> datetime:
        """Return the time on the PBX's clock."""
        return self.clock.start + timedelta(seconds=self.clock.passed_s + self.pbx_ahead_s)

    def seen(
        self, uniqueid: str, name: str = "", *, pbx: str = "pbx1", state: int = 4
    ) -> ChannelSeen:
        """Return a channel as AMI shows it."""
        name = name or f"PJSIP/phone-{uniqueid}"
        return ChannelSeen(ChannelKey(pbx, uniqueid), name, state, linkedid=uniqueid)

    def born(self, channel: ChannelSeen) -> None:
        self.tracker.apply(signals.Newchannel(channel, self.stamp()))

    def dials(self, caller: ChannelSeen | None, dialled: ChannelSeen) -> None:
        self.tracker.apply(signals.DialBegin(caller, dialled, self.stamp()))

    def answers(self, channel: ChannelSeen) -> None:
        self.tracker.apply(signals.Newstate(channel._replace(state=6), self.stamp()))

    def bridges(self, channel: ChannelSeen, bridge: str) -> None:
        self.tracker.apply(signals.BridgeEnter(channel, bridge, "basic", self.stamp()))

    def local(self, one: ChannelSeen, two: ChannelSeen) -> None:
        self.tracker.apply(signals.LocalBridge(one, two, self.stamp()))

    def transfers(self, channels: list[ChannelSeen], *, done: bool) -> None:
        keys = tuple(channel.key for channel in channels)
        self.tracker.apply(signals.AttendedTransfer(keys, done, self.stamp()))

    def asks_to_end(self, channel: ChannelSeen) -> None:
        self.tracker.apply(signals.HangupRequest(channel.key, self.stamp()))

    def hangs_up(self, channel: ChannelSeen) -> None:
        self.tracker.apply(signals.Hangup(channel.key, self.stamp()))

    def recount(self, tenant: str) -> Load:
        """Return the tenant's load, counted from scratch."""
        load = Load()
        for call in self.ledger.calls.values():
            if call.tenant == tenant:
                load = load.plus(call.weight())
        return load


def done(steps: Generator[None, None, T]) -> T:
    """Run work in steps to its end without interruption, and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def plan(**limits: int) -> Plan:
    """Return a plan with these limits."""
    return Plan("plan", limits=Limits(**limits))

"""Wire the services over one ledger: all that verdicts, live calls and gaps need."""

from __future__ import annotations

from collections.abc import Callable

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.calls.admission.admit import Admission
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.trust import Trust
from pbxbilling.calls.metering.allowance import Allowances
from pbxbilling.calls.metering.cut import Cut, Cutter
from pbxbilling.calls.metering.meter import Meter
from pbxbilling.calls.recovery.reconcile import Reconciler
from pbxbilling.calls.recovery.settle import Settler
from pbxbilling.calls.tracking.adopt import Adopter
from pbxbilling.calls.tracking.track import Tracker
from pbxbilling.kernel.ports import Clock, EventSink


class CallEngine:
    """One ledger and the services that work on it; it knows no PBX until one is taken up."""

    def __init__(
        self,
        in_force: InForce,
        clock: Clock,
        emit: EventSink,
        *,
        stale_s: float,
        cut: Cut,
        new_id: Callable[[], str],
    ) -> None:
        """`cut` hangs up a channel when its allowance is used up; `new_id` makes ids of calls."""
        self.in_force = in_force
        self.trust = Trust((), stale_s)
        self.ledger = Ledger({}, new_id)
        self.allowances = Allowances()
        self.cutter = Cutter(self.allowances, self.ledger, in_force, self.trust, clock, emit, cut)
        self.meter = Meter(self.allowances, self.cutter, in_force, clock, emit)
        self.tracker = Tracker(self.ledger, in_force, self.meter, clock, emit)
        self.reconciler = Reconciler(
            self.ledger,
            self.tracker,
            Adopter(self.ledger, in_force, self.tracker, clock, emit),
            self.cutter,
            self.trust,
            clock,
            emit,
        )
        self.settler = Settler(
            self.ledger, self.tracker, self.meter, self.cutter, in_force, clock, emit
        )
        self.admission = Admission(
            self.ledger, in_force, self.trust, self.meter, clock, emit, hosts={}
        )

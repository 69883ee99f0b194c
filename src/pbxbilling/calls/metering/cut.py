"""Cut live legs when together they have used up a hard allowance; log mode only reports it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pbxbilling.accounts.facts import AccountsChanged, SubjectKind
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.registry import Terms
from pbxbilling.calls.live.call import Channel
from pbxbilling.calls.live.facts import CutArmed, WouldCut
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.records import LegAssigned
from pbxbilling.calls.live.trust import Trust
from pbxbilling.calls.metering.allowance import Allowances, Drawing, talking_s
from pbxbilling.kernel.codes import Mode
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock, EventSink

RETRY_S = 1.0  # a leg still alive so long after its cut is cut again
_A_YEAR_S = 365 * 86_400.0

Cut = Callable[[Channel, float], None]  # hang up in so many seconds; must not wait


class Cutter:
    """Orders cuts, and orders them again whenever what they depend on changes."""

    def __init__(
        self,
        allowances: Allowances,
        ledger: Ledger,
        in_force: InForce,
        trust: Trust,
        clock: Clock,
        emit: EventSink,
        cut: Cut,
    ) -> None:
        self._allowances = allowances
        self._ledger = ledger
        self._in_force = in_force
        self._trust = trust
        self._clock = clock
        self._emit = emit
        self._cut = cut

    def sink(self, fact: Fact) -> None:
        """Re-arm the cuts of live legs when accounts change.

        Re-arm this tenant's legs only; re-arming all for each of 1,000 tenants is quadratic.
        """
        if isinstance(fact, AccountsChanged):
            at, mono = self._clock.now(), self._clock.monotonic()
            if fact.kind is SubjectKind.TENANT:
                self.rearm(fact.slug, at, mono)
            else:
                self.rearm_all(at, mono)

    def assigned(self, leg: LegAssigned) -> None:
        """Book the allowance drawn by an ended leg that was assigned to a tenant."""
        self._allowances.book(leg.tenant, leg.month, leg.allowance_s)
        self.rearm(leg.tenant, self._clock.now(), self._clock.monotonic())

    def rearm(self, tenant: str, at: datetime, mono: float) -> None:
        """Order the tenant's live legs to end when together they have used up a hard allowance."""
        drawing = self._allowances.drawing.get(tenant)
        terms = self._in_force.registry.terms(tenant)
        if drawing is None or terms is None:
            return
        left = self._allowances.remaining_s(terms, at, mono)
        if left is None:
            self._disarm(drawing)
            return
        in_s = max(0.0, left) / len(drawing.legs)
        drawing.empty_mono = mono + in_s
        drawing.renewed_at = terms.tenant.period_at(at).ends
        if self._in_force.mode_of(tenant) is not Mode.ENFORCE:
            return
        for leg in drawing.legs:
            if self._may_cut(leg, mono):
                self._emit(CutArmed(at, tenant, leg.key, in_s))
                self._cut(leg, in_s)

    def rearm_all(self, at: datetime, mono: float) -> None:
        """Re-arm every tenant with drawing legs, after plans, modes or links changed."""
        for tenant in self.tenants():
            self.rearm(tenant, at, mono)

    def tenants(self) -> list[str]:
        """Return the tenants with a live leg that draws on an allowance."""
        return list(self._allowances.drawing)

    def _may_cut(self, leg: Channel, mono: float) -> bool:
        return not leg.spared and self._trust.trusts(leg.key.pbx, mono)

    def spare(self, leg: Channel) -> None:
        """Put off, by a year, a cut that Asterisk may hold: the leg now serves an emergency."""
        drawing = self._allowances.drawing.get(leg.drawing_for or "")
        if drawing is not None and drawing.empty_mono is not None:
            self._cut(leg, _A_YEAR_S)

    def _disarm(self, drawing: Drawing) -> None:
        """Put off, by a year, the cuts that Asterisk holds: the allowance is no longer hard."""
        if drawing.empty_mono is not None:
            drawing.empty_mono = None
            for leg in drawing.legs:
                self._cut(leg, _A_YEAR_S)

    def tick(self, at: datetime, mono: float) -> None:
        """Check hard allowances: renewed periods, legs that outlive their cut, log mode."""
        for tenant, drawing in list(self._allowances.drawing.items()):
            if drawing.empty_mono is None:
                continue
            if drawing.renewed_at is not None and at >= drawing.renewed_at:
                self.rearm(tenant, at, mono)
            elif mono >= drawing.empty_mono and self._in_force.mode_of(tenant) is Mode.LOG:
                self._would_cut(tenant, drawing, at, mono)
            elif mono >= drawing.empty_mono + RETRY_S:
                self.rearm(tenant, at, mono)

    def _would_cut(self, tenant: str, drawing: Drawing, at: datetime, mono: float) -> None:
        """Mark legs that enforce mode would have ended: from now on they weigh and draw nothing."""
        terms = self._in_force.registry.terms(tenant)
        if terms is None:
            return
        for leg in list(drawing.legs):
            if not leg.spared:
                self._would_cut_leg(leg, terms, at, mono)

    def _would_cut_leg(self, leg: Channel, terms: Terms, at: datetime, mono: float) -> None:
        call, tenant = leg.call, terms.tenant.slug
        talk_us = round(talking_s(leg, mono) * 1_000_000)
        leg.drawn_s = terms.plan.billing_increment.billable_s(talk_us)
        self._allowances.undraw(leg)
        self._emit(WouldCut(at, tenant, leg.key, call.id if call else None))
        leg.over_limit_for |= {tenant}
        if call is not None:
            for channel in call.channels:
                if not channel.spared:
                    channel.over_limit_for |= {tenant}
            self._ledger.settle(call, at)
        self._allowances.book(tenant, terms.tenant.period_at(at).month, leg.drawn_s)

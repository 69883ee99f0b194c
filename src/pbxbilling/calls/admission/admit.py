"""Judge one hook, and reserve in the same step what it was granted."""

from __future__ import annotations

from collections.abc import Mapping

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.calls.admission.by_policy import ByPolicy
from pbxbilling.calls.admission.context import Asked, Asking
from pbxbilling.calls.admission.decision import EMERGENCY, Decision, decide, first_breach
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.calls.live.call import Call, Channel
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.load import Breach
from pbxbilling.calls.live.publish import publish
from pbxbilling.calls.live.trust import Trust
from pbxbilling.calls.metering.meter import Meter
from pbxbilling.kernel.codes import Direction, Mode, Outcome, Reason
from pbxbilling.kernel.ports import Clock, EventSink


class Admission:
    """Decides by limits, standing and allowance; the mode comes last. No `await` anywhere."""

    def __init__(
        self,
        ledger: Ledger,
        in_force: InForce,
        trust: Trust,
        meter: Meter,
        clock: Clock,
        emit: EventSink,
        *,
        hosts: Mapping[str, str],
    ) -> None:
        """`hosts`: address of a PBX → its name, for hooks that do not name theirs."""
        self._ledger = ledger
        self._in_force = in_force
        self._trust = trust
        self._meter = meter
        self._clock = clock
        self._emit = emit
        self._asking = Asking(ledger, in_force, clock)
        self._by_policy = ByPolicy(in_force, self._asking, clock, emit)
        self.hosts = dict(hosts)

    # --- the ways to a verdict -----------------------------------------------------------------

    def judge(self, request: HookRequest) -> Verdict:
        """The verdict on a hook, and its effect on the ledger."""
        pbx = self._pbx_of(request)
        if request.direction is None:
            return self.by_policy(request)
        if pbx is None:  # a PBX that nobody configured: counted, and admitted where it may be
            return self._by_policy.verdict(request, None, Reason.UNRECONCILED, refuse=False)
        asked = self._asking.asked(request, request.direction, pbx)
        decision = self._decide(asked)
        call = self._take_effect(asked, decision)
        verdict = self._verdict(asked, decision, call)
        self._tell(asked, decision, call)
        publish(self._ledger, self._emit)
        return verdict

    def by_policy(self, request: HookRequest) -> Verdict:
        """The verdict where none was reached: out of time, unknown path, or a fault of ours."""
        refuse = self._in_force.policy.refuse_on_deadline
        pbx = self._pbx_of(request)
        return self._by_policy.verdict(request, pbx, Reason.DEADLINE, refuse=refuse)

    def malformed(self, request: HookRequest) -> Verdict:
        """The verdict on what is no request: cut short, oversized, or a caller's own lines in it.

        Whoever is to be refused may have made it so.
        """
        refuse = self._in_force.policy.refuse_on_malformed
        pbx = self._pbx_of(request)
        return self._by_policy.verdict(request, pbx, Reason.MALFORMED, refuse=refuse)

    # --- who asks ------------------------------------------------------------------------------

    def _pbx_of(self, request: HookRequest) -> str | None:
        known = self._trust.links
        if request.pbx:
            return request.pbx if request.pbx in known else None
        if len(known) == 1:
            return next(iter(known))
        return self.hosts.get(request.peer)

    # --- the decision --------------------------------------------------------------------------

    def _decide(self, asked: Asked) -> Decision:
        if self._in_force.policy.is_emergency(asked.request.number, asked.direction):
            return EMERGENCY
        mode, channel = asked.mode, asked.channel
        if mode is not Mode.ENFORCE and channel is not None and channel.would_be_gone(asked.tenant):
            return decide(None, mode)  # in enforce mode this hook would never have fired
        breach = self._standing(asked)
        if breach is not None:
            return decide(breach, mode)
        if self._trust.trusts_all(asked.mono):
            return decide(self._breach(asked, None), mode)
        trusted = self._trust.trusted(asked.mono)
        if asked.pbx in trusted:  # by the counts that are true: slots stuck elsewhere lock out none
            return decide(self._breach(asked, trusted), mode)
        return decide(self._breach(asked, None), mode, counts_are_true=False)

    def _standing(self, asked: Asked) -> Breach | None:
        """What needs no counts, and is judged at once."""
        policy, book, terms = self._in_force.policy, self._in_force.book, asked.terms
        # A tenant whose plan is unknown has no terms, and a standing all the same.
        tenant = book.tenants.get(asked.tenant or "") if terms is None else terms.tenant
        if tenant is not None:
            closed = tenant.closed_for(asked.direction, asked.at, policy.grace_days)
            if closed is not None:
                return Breach(closed)
        if terms is None:
            return Breach(Reason.UNKNOWN_TENANT) if policy.refuse_unknown_tenant else None
        unrated = terms.cannot_rate(asked.direction, asked.request.number, asked.at)
        return Breach(Reason.NUMBER_UNUSABLE) if unrated and policy.refuse_unusable else None

    def _breach(self, asked: Asked, pbxes: frozenset[str] | None) -> Breach | None:
        """The first limit in the way, by the counts of all PBXes or of these alone."""
        terms, tenant = asked.terms, asked.tenant
        if terms is None or tenant is None:
            return None
        limits, ledger = terms.limits, self._ledger
        paced = limits.max_calls_per_second is not None
        breach = first_breach(
            limits,
            ledger.load(tenant, besides=None if asked.inside else asked.call, pbxes=pbxes),
            asked.direction,
            self._legs_needed(asked),
            new_call=not asked.inside,
            count_internal=terms.plan.count_internal,
            calls_past_second=ledger.admitted_past_second(tenant, asked.mono) if paced else 0,
        )
        return breach or self._meter.breach(terms, asked.direction, asked.at, asked.mono)

    def _legs_needed(self, asked: Asked) -> int:
        """Trunk legs on top of the load: one to dial outside, and a trunk A-leg counts itself."""
        call, channel = asked.call, asked.channel
        if asked.inside and call is not None:
            return int(asked.direction is Direction.OUTBOUND and not call.leg_reservations)
        new_a_leg = channel is not None and channel.trunk
        beside = call.emergency_legs() if call is not None else 0
        return (asked.direction is Direction.OUTBOUND) + new_a_leg + beside

    # --- its effect ----------------------------------------------------------------------------

    def _take_effect(self, asked: Asked, decision: Decision) -> Call | None:
        """Reserve what was granted; a refused channel and its legs never count."""
        channel = asked.channel
        if channel is None:
            return None
        channel.dials_emergency = decision.reason is Reason.EMERGENCY
        if decision.refused:
            self._refuse(asked, channel)
            return None
        call = self._granted(asked, channel)
        call.note_asked(asked.request.accountcode, asked.request.context)
        if decision.reason is Reason.EMERGENCY:
            call.emergency = True
            self._meter.spare(channel)
        else:
            call.judged = True
        if decision.outcome is Outcome.WOULD_REFUSE:
            channel.over_limit_for |= {asked.tenant} if asked.tenant is not None else set()
        elif not asked.inside:
            self._note_admitted(asked)
        if asked.direction is Direction.OUTBOUND:
            self._ledger.reserve_leg(call, channel)
        self._ledger.settle(call, asked.at)
        return call

    def _refuse(self, asked: Asked, channel: Channel) -> None:
        call = asked.call
        if call is not None and not call.hooked and channel in call.askers:
            self._ledger.drop(call, asked.at)
        if channel.call is None and not channel.asked:
            channel.refused = True
            channel.owner = channel.owner or asked.tenant

    def _granted(self, asked: Asked, channel: Channel) -> Call:
        call, ledger = asked.call, self._ledger
        if asked.direction is Direction.OUTBOUND:
            channel.dials_number = asked.request.number
        if call is None:
            channel.refused = False
            return ledger.open(
                channel,
                asked.tenant,
                asked.direction,
                at=asked.at,
                mono=asked.mono,
                hooked=True,
                emergency=channel.dials_emergency,
                number=asked.request.number,
            )
        if call.tenant is None and asked.tenant is not None:
            ledger.own(call, asked.tenant, asked.at)
            self._meter.owned(call, asked.at, asked.mono)
        if not asked.inside:
            call.hooked = True
            call.number = asked.request.number or call.number
            ledger.redirect(call, asked.direction, asked.at)
        if channel not in call.askers and asked.direction is Direction.OUTBOUND:
            ledger.ask(call, channel)
        channel.dials_for = call
        return call

    def _note_admitted(self, asked: Asked) -> None:
        terms = asked.terms
        if terms is None or terms.limits.max_calls_per_second is None:
            return
        if asked.direction is not Direction.INTERNAL or terms.plan.count_internal:
            self._ledger.note_admitted(terms.tenant.slug, asked.mono)

    # --- what is told --------------------------------------------------------------------------

    def _verdict(self, asked: Asked, decision: Decision, call: Call | None) -> Verdict:
        policy, refused = self._in_force.policy, decision.outcome is Outcome.REFUSE
        flags: tuple[str, ...] = ("emergency",) if decision.reason is Reason.EMERGENCY else ()
        if call is not None and call.over_limit:
            flags += ("over_limit",)
        return Verdict(
            not refused,
            asked.tenant or "",
            call.direction if call is not None else asked.direction,
            decision.reason,
            policy.cause_for(decision.reason) if refused else None,
            self._meter.max_seconds(asked.terms, asked.direction, asked.at, asked.mono),
            call.id if call is not None else "",
            flags,
        )

    def _tell(self, asked: Asked, decision: Decision, call: Call | None) -> None:
        self._emit(
            AdmissionDecided(
                asked.at,
                asked.request,
                decision,
                asked.mode,
                asked.tenant,
                call.id if call is not None else None,
                asked.inside,
            )
        )

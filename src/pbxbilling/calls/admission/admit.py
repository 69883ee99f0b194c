"""Judge one hook and reserve, in the same step, what it was granted."""

from __future__ import annotations

from collections.abc import Mapping

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.calls.admission.by_policy import ByPolicy
from pbxbilling.calls.admission.context import ContextFinder, HookContext
from pbxbilling.calls.admission.decision import EMERGENCY, Decision, decide, first_breach
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.calls.live.call import Call, Channel
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.live.load import Breach, Load
from pbxbilling.calls.live.publish import publish
from pbxbilling.calls.live.trust import Trust
from pbxbilling.calls.metering.meter import Meter
from pbxbilling.kernel.codes import Direction, Mode, Outcome, Reason
from pbxbilling.kernel.ports import Clock, EventSink


class Admission:
    """Decides by limits, status and allowance; the mode comes last. No `await` anywhere."""

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
        """`hosts`: address of a PBX → its name, for hooks that do not name their PBX."""
        self._ledger = ledger
        self._in_force = in_force
        self._trust = trust
        self._meter = meter
        self._clock = clock
        self._emit = emit
        self._contexts = ContextFinder(ledger, in_force, clock)
        self._by_policy = ByPolicy(in_force, self._contexts, clock, emit)
        self.hosts = dict(hosts)

    # --- the ways to a verdict -----------------------------------------------------------------

    def judge(self, request: HookRequest) -> Verdict:
        """Return the verdict on a hook, after applying its effect to the ledger."""
        pbx = self._pbx_of(request)
        if request.direction is None:
            return self.by_policy(request)
        if pbx is None:  # not a configured PBX: admitted unless a rule without counts refuses it
            return self._by_policy.verdict(request, None, Reason.UNRECONCILED, refuse=False)
        hook = self._contexts.find(request, request.direction, pbx)
        if hook.call is not None and hook.channel is not None:
            self._ledger.end_dials(hook.call, hook.channel, hook.at)
        decision = self._decide(hook)
        call = self._take_effect(hook, decision)
        verdict = self._verdict(hook, decision, call)
        self._publish(hook, decision, call)
        publish(self._ledger, self._emit)
        return verdict

    def by_policy(self, request: HookRequest) -> Verdict:
        """Return the verdict on a hook not judged: out of time, unknown path, or our own fault."""
        refuse = self._in_force.policy.refuse_on_deadline
        pbx = self._pbx_of(request)
        return self._by_policy.verdict(request, pbx, Reason.DEADLINE, refuse=refuse)

    def malformed(self, request: HookRequest) -> Verdict:
        """Return the verdict on a malformed request: cut short, oversized, or with injected lines.

        A caller may have caused the fault to escape a refusal.
        """
        refuse = self._in_force.policy.refuse_on_malformed
        pbx = self._pbx_of(request)
        return self._by_policy.verdict(request, pbx, Reason.MALFORMED, refuse=refuse)

    # --- the PBX of a hook ---------------------------------------------------------------------

    def _pbx_of(self, request: HookRequest) -> str | None:
        known = self._trust.links
        if request.pbx:
            return request.pbx if request.pbx in known else None
        if len(known) == 1:
            return next(iter(known))
        return self.hosts.get(request.peer)

    # --- the decision --------------------------------------------------------------------------

    def _decide(self, hook: HookContext) -> Decision:
        if self._in_force.policy.is_emergency(hook.request.number, hook.direction):
            return EMERGENCY
        mode, channel = hook.mode, hook.channel
        if mode is not Mode.ENFORCE and channel is not None and channel.would_be_gone(hook.tenant):
            return decide(None, mode)  # in enforce mode this hook would never have fired
        breach = self._standing(hook)
        if breach is not None:
            return decide(breach, mode)
        if self._trust.trusts_all(hook.mono):
            return decide(self._breach(hook, None), mode)
        trusted = self._trust.trusted(hook.mono)
        if hook.pbx in trusted:  # only true counts: a slot stuck on another PBX refuses no call
            return decide(self._breach(hook, trusted), mode)
        return decide(self._breach(hook, None), mode, counts_are_true=False)

    def _standing(self, hook: HookContext) -> Breach | None:
        """Return the breach that needs no counts: status, unknown tenant, unusable number."""
        policy, registry, terms = self._in_force.policy, self._in_force.registry, hook.terms
        # A tenant with an unknown plan has no terms, but still has a status.
        tenant = registry.tenants.get(hook.tenant or "") if terms is None else terms.tenant
        if tenant is not None:
            closed = tenant.closed_for(hook.direction, hook.at, policy.grace_days)
            if closed is not None:
                return Breach(closed)
        if terms is None:
            return Breach(Reason.UNKNOWN_TENANT) if policy.refuse_unknown_tenant else None
        unrated = terms.cannot_rate(hook.direction, hook.request.number, hook.at)
        return Breach(Reason.NUMBER_UNUSABLE) if unrated and policy.refuse_unusable else None

    def _breach(self, hook: HookContext, pbxes: frozenset[str] | None) -> Breach | None:
        """Return the first limit exceeded, by the counts of all PBXes or only of `pbxes`."""
        terms, tenant = hook.terms, hook.tenant
        if terms is None or tenant is None:
            return None
        limits, ledger = terms.limits, self._ledger
        paced = limits.max_calls_per_second is not None
        load = ledger.load(tenant, besides=None if hook.inside else hook.call, pbxes=pbxes)
        breach = first_breach(
            limits,
            load,
            hook.direction,
            self._legs_needed(hook),
            new_call=not hook.inside,
            count_internal=terms.plan.count_internal,
            calls_past_second=ledger.admitted_past_second(tenant, hook.mono) if paced else 0,
            leading_outside=_leading_outside(hook, load),
        )
        return breach or self._meter.breach(terms, hook.direction, hook.at, hook.mono)

    def _legs_needed(self, hook: HookContext) -> int:
        """Return the trunk legs needed on top of the load: one to dial out, one for a trunk A-leg.

        The call's emergency legs, which no hook was granted, are added.
        """
        call, channel = hook.call, hook.channel
        if hook.inside and call is not None:
            return int(hook.direction is Direction.OUTBOUND and not call.leg_reservations)
        new_a_leg = channel is not None and channel.trunk
        beside = call.emergency_legs() if call is not None else 0
        return (hook.direction is Direction.OUTBOUND) + new_a_leg + beside

    # --- its effect ----------------------------------------------------------------------------

    def _take_effect(self, hook: HookContext, decision: Decision) -> Call | None:
        """Reserve what was granted, or mark a refused channel: it and its legs never count."""
        channel = hook.channel
        if channel is None:
            return None
        channel.dials_emergency = decision.reason is Reason.EMERGENCY
        if hook.direction is Direction.INBOUND and channel.came_in():
            self._meter.turned(channel, hook.at, hook.mono)
        if decision.refused:
            self._refuse(hook, channel)
            return None
        call = self._granted(hook, channel)
        call.note_asked(hook.request.accountcode, hook.request.context)
        if decision.reason is Reason.EMERGENCY:
            call.emergency = True
            self._meter.spare(channel)
        else:
            call.judged = True
        if decision.outcome is Outcome.WOULD_REFUSE:
            channel.over_limit_for |= {hook.tenant} if hook.tenant is not None else set()
        elif not hook.inside:
            self._note_admitted(hook)
        if hook.direction is Direction.OUTBOUND:
            self._ledger.reserve_leg(call, channel)
        self._ledger.settle(call, hook.at)
        return call

    def _refuse(self, hook: HookContext, channel: Channel) -> None:
        call = hook.call
        if call is not None and not call.hooked and channel in call.askers:
            self._ledger.drop(call, hook.at)
        if channel.call is None and not channel.asked:
            channel.refused = True
            channel.owner = channel.owner or hook.tenant

    def _granted(self, hook: HookContext, channel: Channel) -> Call:
        call, ledger = hook.call, self._ledger
        if hook.direction is Direction.OUTBOUND:
            channel.dials_number = hook.request.number
        if call is None:
            channel.refused = False
            return ledger.open(
                channel,
                hook.tenant,
                hook.direction,
                at=hook.at,
                mono=hook.mono,
                hooked=True,
                emergency=channel.dials_emergency,
                number=hook.request.number,
            )
        if call.tenant is None and hook.tenant is not None:
            ledger.own(call, hook.tenant, hook.at)
            self._meter.owned(call, hook.at, hook.mono)
        if not hook.inside:
            call.hooked = True
            call.number = hook.request.number or call.number
            ledger.redirect(call, hook.direction, hook.at)
        if channel not in call.askers and hook.direction is Direction.OUTBOUND:
            ledger.ask(call, channel)
        channel.dials_for = call
        return call

    def _note_admitted(self, hook: HookContext) -> None:
        terms = hook.terms
        if terms is None or terms.limits.max_calls_per_second is None:
            return
        if hook.direction is not Direction.INTERNAL or terms.plan.count_internal:
            self._ledger.note_admitted(terms.tenant.slug, hook.mono)

    # --- verdict and fact ----------------------------------------------------------------------

    def _verdict(self, hook: HookContext, decision: Decision, call: Call | None) -> Verdict:
        policy, refused = self._in_force.policy, decision.outcome is Outcome.REFUSE
        flags: tuple[str, ...] = ("emergency",) if decision.reason is Reason.EMERGENCY else ()
        if call is not None and call.over_limit:
            flags += ("over_limit",)
        return Verdict(
            not refused,
            hook.tenant or "",
            call.direction if call is not None else hook.direction,
            decision.reason,
            policy.cause_for(decision.reason) if refused else None,
            self._meter.max_seconds(hook.terms, hook.direction, hook.at, hook.mono),
            call.id if call is not None else "",
            flags,
        )

    def _publish(self, hook: HookContext, decision: Decision, call: Call | None) -> None:
        self._emit(
            AdmissionDecided(
                hook.at,
                hook.request,
                decision,
                hook.mode,
                hook.tenant,
                call.id if call is not None else None,
                hook.inside,
            )
        )


def _leading_outside(hook: HookContext, load: Load) -> int | None:
    """Return how many other calls of the tenant lead outside, if the hook forwards its call.

    A call that came in stays inbound, but its forward is judged as an outbound call too.
    """
    call = hook.call
    if call is None or not hook.inside or call.direction is not Direction.INBOUND:
        return None
    if hook.direction is not Direction.OUTBOUND or call.is_forwarded():
        return None
    return load.leading_outside - call.counted.forwards

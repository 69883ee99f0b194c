"""Judge one hook, and reserve in the same step what it was granted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from pbxbilling.domain.admission import (
    EMERGENCY,
    Ask,
    Breach,
    Decision,
    Direction,
    Mode,
    Outcome,
    Reason,
    decide,
    first_breach,
)
from pbxbilling.domain.book import Terms
from pbxbilling.domain.call import Call, Channel
from pbxbilling.domain.channel import ChannelKey
from pbxbilling.domain.facts import AdmissionDecided
from pbxbilling.domain.hook import HookRequest, Verdict
from pbxbilling.domain.ledger import Ledger
from pbxbilling.ports import Clock, EventSink
from pbxbilling.services.inforce import InForce
from pbxbilling.services.meter import Meter
from pbxbilling.services.news import publish
from pbxbilling.services.trust import Trust


class Asked(NamedTuple):
    """A hook with all that is known around it."""

    request: HookRequest
    direction: Direction
    pbx: str
    channel: Channel | None  # None: hung up before its hook was read; it reserves nothing
    call: Call | None  # the live call of the same tenant that it asks from
    tenant: str | None
    terms: Terms | None
    inside: bool
    at: datetime
    mono: float


def _was_judged(call: Call | None, direction: Direction) -> bool:
    """Whether the call holds its slot already, and asks for no second one.

    An internal call that now goes outside is judged as what it becomes.
    """
    if call is None or not call.hooked:
        return False
    return call.direction is not Direction.INTERNAL or direction is Direction.INTERNAL


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
        self.hosts = dict(hosts)

    # --- the two ways to a verdict -------------------------------------------------------------

    def judge(self, request: HookRequest) -> Verdict:
        """The verdict on a hook, and its effect on the ledger."""
        pbx = self._pbx_of(request)
        if request.direction is None:
            return self.by_policy(request)
        if pbx is None:
            return self._stranger(request)
        asked = self._asked(request, request.direction, pbx)
        decision = self._decide(asked)
        call = self._take_effect(asked, decision)
        verdict = self._verdict(asked, decision, call)
        self._tell(asked, decision, call)
        publish(self._ledger, self._emit)
        return verdict

    def by_policy(self, request: HookRequest) -> Verdict:
        """The verdict where none could be reached: malformed, unknown path, or out of time.

        Nothing is reserved; the call counts, unhooked, as soon as it dials or is answered.
        """
        policy = self._in_force.policy
        tenant = request.tenant if request.tenant in self._in_force.book.tenants else None
        mode = self._in_force.mode_of(tenant)
        if request.number in policy.emergency:
            decision = EMERGENCY
        elif policy.refuse_on_deadline and mode is Mode.ENFORCE:
            decision = Decision(Outcome.REFUSE, Reason.DEADLINE, Breach(Reason.DEADLINE))
        else:
            decision = Decision(Outcome.ADMIT, Reason.DEADLINE)
        return self._unreserved(request, decision, tenant, mode)

    def _stranger(self, request: HookRequest) -> Verdict:
        """A hook from a PBX that nobody configured is admitted and counted."""
        emergency = request.number in self._in_force.policy.emergency
        decision = EMERGENCY if emergency else Decision(Outcome.ADMIT, Reason.UNRECONCILED)
        tenant = request.tenant if request.tenant in self._in_force.book.tenants else None
        return self._unreserved(request, decision, tenant, self._in_force.mode_of(tenant))

    def _unreserved(
        self, request: HookRequest, decision: Decision, tenant: str | None, mode: Mode
    ) -> Verdict:
        self._emit(AdmissionDecided(self._clock.now(), request, decision, mode, tenant, call=None))
        return Verdict(
            admit=not decision.refused,
            tenant=request.tenant,
            direction=request.direction or "",
            reason=decision.reason,
            cause=self._in_force.policy.cause_for(decision.reason) if decision.refused else None,
            flags=("emergency",) if decision.reason is Reason.EMERGENCY else (),
        )

    # --- who asks ------------------------------------------------------------------------------

    def _pbx_of(self, request: HookRequest) -> str | None:
        known = self._trust.links
        if request.pbx:
            return request.pbx if request.pbx in known else None
        if len(known) == 1:
            return next(iter(known))
        return self.hosts.get(request.peer)

    def _asked(self, request: HookRequest, direction: Direction, pbx: str) -> Asked:
        at, mono = self._clock.now(), self._clock.monotonic()
        ledger, book = self._ledger, self._in_force.book
        key = ChannelKey(pbx, request.uniqueid)
        channel = ledger.channel(key, request.channel, at=at, mono=mono)
        around = self._around(channel, request, pbx)
        if channel is not None:
            channel.linkedid = channel.linkedid or request.linkedid
            channel.caller = channel.caller or request.caller
            channel.accountcode = channel.accountcode or request.accountcode
            channel.context = channel.context or request.context
            if channel.call is None and around and request.linkedid != request.uniqueid:
                ledger.join(channel, around, at)  # its DialBegin is still on its way
        named = request.tenant if request.tenant in book.tenants else None
        if named is None and around is not None and around.tenant is not None:
            tenant: str | None = around.tenant
        else:
            tenant = named or book.owner(
                request.accountcode,
                (request.number or request.dnid) if direction is Direction.INBOUND else "",
                request.context,
            )
        call = self._call_of(channel, around, tenant, request, pbx)
        terms, inside = book.terms(tenant), _was_judged(call, direction)
        return Asked(request, direction, pbx, channel, call, tenant, terms, inside, at, mono)

    def _around(self, channel: Channel | None, request: HookRequest, pbx: str) -> Call | None:
        """The call that the hook fires in, whoever's it is."""
        if channel is not None and (channel.dials_for or channel.call):
            return channel.dials_for or channel.call
        return self._ledger.under_linkedid(pbx, request.linkedid, None)

    def _call_of(
        self,
        channel: Channel | None,
        around: Call | None,
        tenant: str | None,
        request: HookRequest,
        pbx: str,
    ) -> Call | None:
        """The live call that this tenant asks from; one of nobody becomes the tenant's."""
        candidates = [around]
        if channel is not None:
            candidates += [channel.call, *channel.asked]
        for call in candidates:
            if call is not None and call.tenant in {tenant, None}:
                return call
        return self._ledger.under_linkedid(pbx, request.linkedid, tenant) if tenant else None

    # --- the decision --------------------------------------------------------------------------

    def _decide(self, asked: Asked) -> Decision:
        policy = self._in_force.policy
        if asked.request.number in policy.emergency:
            return EMERGENCY
        mode = self._in_force.mode_of(asked.tenant)
        channel = asked.channel
        if mode is not Mode.ENFORCE and channel is not None and channel.would_be_gone(asked.tenant):
            return decide(None, mode)  # in enforce mode this hook would never have fired
        breach = self._standing(asked)
        if breach is not None:
            return decide(breach, mode)
        if not self._trust.doubted(asked.mono):
            return decide(self._breach(asked, None), mode)
        trusted = self._trust.trusted(asked.mono)
        if asked.pbx in trusted:  # by the counts that are true: slots stuck elsewhere lock out none
            return decide(self._breach(asked, trusted), mode)
        return decide(self._breach(asked, None), mode, counts_are_true=False)

    def _standing(self, asked: Asked) -> Breach | None:
        """What needs no counts, and is judged at once."""
        policy = self._in_force.policy
        if asked.terms is None:
            return Breach(Reason.UNKNOWN_TENANT) if policy.refuse_unknown_tenant else None
        closed = asked.terms.tenant.closed_for(asked.direction, asked.at, policy.grace_days)
        return Breach(closed) if closed is not None else None

    def _breach(self, asked: Asked, pbxes: frozenset[str] | None) -> Breach | None:
        """The first limit in the way, by the counts of all PBXes or of these alone."""
        terms, tenant = asked.terms, asked.tenant
        if terms is None or tenant is None:
            return None
        breach = first_breach(
            terms.limits,
            Ask(asked.direction, new_call=not asked.inside, trunk_legs=self._legs_needed(asked)),
            self._ledger.load(tenant, besides=None if asked.inside else asked.call, pbxes=pbxes),
            count_internal=terms.plan.count_internal,
            calls_past_second=self._ledger.admitted_past_second(tenant, asked.mono),
        )
        return breach or self._meter.breach(terms, asked.direction, asked.at, asked.mono)

    def _legs_needed(self, asked: Asked) -> int:
        """Trunk legs on top of the load: one to dial outside, and a trunk A-leg counts itself."""
        call, channel = asked.call, asked.channel
        if asked.inside and call is not None:
            return int(asked.direction is Direction.OUTBOUND and not call.leg_reservations)
        new_a_leg = channel is not None and channel.trunk
        return (asked.direction is Direction.OUTBOUND) + new_a_leg

    # --- its effect ----------------------------------------------------------------------------

    def _take_effect(self, asked: Asked, decision: Decision) -> Call | None:
        """Reserve what was granted; a refused channel and its legs never count."""
        channel = asked.channel
        if channel is None:
            return None
        if decision.refused:
            self._refuse(asked, channel)
            return None
        call = self._granted(asked, channel)
        if decision.reason is Reason.EMERGENCY:
            call.emergency = True
        if decision.outcome is Outcome.WOULD_REFUSE:
            channel.over_limit_for |= {asked.tenant} if asked.tenant is not None else set()
        elif not asked.inside and asked.tenant is not None:
            self._note_admitted(asked, asked.tenant)
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

    def _note_admitted(self, asked: Asked, tenant: str) -> None:
        terms = asked.terms
        if terms is None or terms.limits.max_calls_per_second is None:
            return
        if asked.direction is not Direction.INTERNAL or terms.plan.count_internal:
            self._ledger.note_admitted(tenant, asked.mono)

    # --- what is told --------------------------------------------------------------------------

    def _verdict(self, asked: Asked, decision: Decision, call: Call | None) -> Verdict:
        policy = self._in_force.policy
        flags = []
        if decision.reason is Reason.EMERGENCY:
            flags.append("emergency")
        if call is not None and call.over_limit:
            flags.append("over_limit")
        return Verdict(
            admit=not decision.refused,
            tenant=asked.tenant or "",
            direction=call.direction if call is not None else asked.direction,
            reason=decision.reason,
            cause=policy.cause_for(decision.reason) if decision.refused else None,
            max_seconds=self._meter.max_seconds(asked.terms, asked.direction, asked.at, asked.mono),
            call=call.id if call is not None else "",
            flags=tuple(flags),
        )

    def _tell(self, asked: Asked, decision: Decision, call: Call | None) -> None:
        self._emit(
            AdmissionDecided(
                asked.at,
                asked.request,
                decision,
                self._in_force.mode_of(asked.tenant),
                asked.tenant,
                call=call.id if call is not None else None,
                inside=asked.inside,
            )
        )

"""The verdict on a hook that could not be judged: by what is known and needs no counts.

A fault of ours or of the request admits nobody whom a rule without counts refuses: who is
suspended, read-only, cancelled or incomplete, whose trial is over, or who is unknown where that is
refused. What is left is the operator's policy.
"""

from __future__ import annotations

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.calls.admission.context import ContextFinder
from pbxbilling.calls.admission.decision import EMERGENCY, Decision, decide
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.admission.hook import HookRequest, Verdict
from pbxbilling.calls.live.load import Breach
from pbxbilling.kernel.codes import Direction, Mode, Outcome, Reason
from pbxbilling.kernel.ports import Clock, EventSink


class ByPolicy:
    """Nothing is reserved; the call counts, unhooked, as soon as it dials or is answered."""

    def __init__(
        self, in_force: InForce, contexts: ContextFinder, clock: Clock, emit: EventSink
    ) -> None:
        self._in_force = in_force
        self._contexts = contexts
        self._clock = clock
        self._emit = emit

    def verdict(
        self, request: HookRequest, pbx: str | None, reason: Reason, *, refuse: bool
    ) -> Verdict:
        """`reason` says why it was not judged; `refuse` what the policy says where nothing else
        does, in enforce mode. It raises nothing: somebody waits.
        """
        policy = self._in_force.policy
        direction = request.direction or Direction.OUTBOUND
        tenant = self._payer(request, pbx)
        mode = self._in_force.mode_of(tenant)
        if policy.is_emergency(request.number, direction):
            decision = EMERGENCY
        else:
            breach = self._closed(request, tenant)
            if breach is None and refuse:
                breach = Breach(reason)
            if breach is None or mode is Mode.OFF:
                decision = Decision(Outcome.ADMIT, reason)
            else:
                decision = decide(breach, mode)
        return self._publish(request, decision, tenant, mode)

    def _payer(self, request: HookRequest, pbx: str | None) -> str | None:
        try:
            return self._contexts.payer(request, pbx)
        except Exception:  # noqa: BLE001  what failed while judging may fail again: it was told then
            return self._in_force.registry.named(request.tenant)

    def _closed(self, request: HookRequest, tenant: str | None) -> Breach | None:
        """What is in the way and needs no counts.

        An unknown direction is taken to lead outside, unless the number is the tenant's own.
        """
        policy = self._in_force.policy
        registry = self._in_force.registry
        known = registry.tenants.get(tenant) if tenant is not None else None
        if known is None:
            # Of a request whose arguments have not come nobody knows whom it names.
            named = request.tenant or request.linkedid or request.number
            refused = policy.refuse_unknown_tenant and named
            return Breach(Reason.UNKNOWN_TENANT) if refused else None
        direction = request.direction
        if direction is None:
            its_own = registry.owner(did=request.number or request.dnid) == known.slug
            direction = Direction.INBOUND if its_own else Direction.OUTBOUND
        try:
            closed = known.closed_for(direction, self._clock.now(), policy.grace_days)
        except Exception:  # noqa: BLE001  its time cannot be judged: no block, no status closes it
            return None
        return Breach(closed) if closed is not None else None

    def _publish(
        self, request: HookRequest, decision: Decision, tenant: str | None, mode: Mode
    ) -> Verdict:
        self._emit(AdmissionDecided(self._clock.now(), request, decision, mode, tenant, call=None))
        return Verdict(
            admit=not decision.refused,
            tenant=tenant or request.tenant,
            direction=request.direction or "",
            reason=decision.reason,
            cause=self._in_force.policy.cause_for(decision.reason) if decision.refused else None,
            flags=("emergency",) if decision.reason is Reason.EMERGENCY else (),
        )

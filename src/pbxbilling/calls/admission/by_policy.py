"""The verdict on a hook that could not be judged: first the rules that need no counts.

So a fault of ours or of the request does not admit a tenant that such a rule refuses: one that is
suspended, read-only, cancelled, incomplete or past its trial, or an unknown one where that is
refused. If no such rule refuses, the operator's policy decides.
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
    """Makes such verdicts, reserving nothing; the call counts, unhooked, once it dials or is up."""

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
        """Return the verdict; `reason` says why the hook was not judged.

        `refuse`: whether the policy refuses in enforce mode where no rule decides. Never raises,
        because the dialplan waits for an answer.
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
        except Exception:  # noqa: BLE001 - it may fail as judging did, and was logged then
            return self._in_force.registry.named(request.tenant)

    def _closed(self, request: HookRequest, tenant: str | None) -> Breach | None:
        """Return the breach that needs no counts.

        An unknown direction is taken as outbound, unless the number is the tenant's own.
        """
        policy = self._in_force.policy
        registry = self._in_force.registry
        known = registry.tenants.get(tenant) if tenant is not None else None
        if known is None:
            # A request without its arguments may be of a known tenant, so do not refuse it here.
            named = request.tenant or request.linkedid or request.number
            refused = policy.refuse_unknown_tenant and named
            return Breach(Reason.UNKNOWN_TENANT) if refused else None
        direction = request.direction
        if direction is None:
            its_own = registry.owner(did=request.did) == known.slug
            direction = Direction.INBOUND if its_own else Direction.OUTBOUND
        try:
            closed = known.closed_for(direction, self._clock.now(), policy.grace_days)
        except Exception:  # noqa: BLE001 - without a valid time, no block or status applies
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

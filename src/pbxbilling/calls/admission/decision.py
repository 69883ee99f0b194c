"""The admission decision on one hook: limits first, then the mode."""

from __future__ import annotations

from dataclasses import dataclass

from pbxbilling.calls.live.load import Breach, Load
from pbxbilling.catalog.plan import Limits
from pbxbilling.kernel.codes import Direction, Mode, Outcome, Reason

# Reasons that need true counts: they refuse no call where the counts may be untrue.
COUNTED_REASONS = frozenset(
    {
        Reason.MAX_CALLS,
        Reason.MAX_OUTBOUND_CALLS,
        Reason.MAX_INBOUND_CALLS,
        Reason.MAX_TRUNK_LEGS,
        Reason.MAX_CALLS_PER_SECOND,
        Reason.ALLOWANCE,
    }
)


def first_breach(
    limits: Limits,
    load: Load,
    direction: Direction,
    trunk_legs: int,
    *,
    new_call: bool,
    count_internal: bool,
    calls_past_second: int,
    leading_outside: int | None = None,
) -> Breach | None:
    """Return the first limit that a hook would exceed; None if it fits.

    The hook needs `trunk_legs` on top of the load, and one more call if `new_call`. It forwards a
    call that came in if `leading_outside` is given: the tenant's other calls that lead outside.
    """
    if new_call and (count_internal or direction is not Direction.INTERNAL):
        used = load.calls(count_internal=count_internal)
        breach = _call_breach(limits, direction, load, used, calls_past_second)
        if breach is not None:
            return breach
    cap = limits.max_outbound_calls
    if leading_outside is not None and cap is not None and leading_outside >= cap:
        return Breach(Reason.MAX_OUTBOUND_CALLS, leading_outside, cap)
    cap = limits.max_trunk_legs
    if cap is not None and trunk_legs and load.trunk_legs + trunk_legs > cap:
        return Breach(Reason.MAX_TRUNK_LEGS, load.trunk_legs, cap)
    return None


def _call_breach(
    limits: Limits, direction: Direction, load: Load, used: int, past_second: int
) -> Breach | None:
    cap = limits.max_calls
    if cap is not None and used >= cap:
        return Breach(Reason.MAX_CALLS, used, cap)
    if direction is Direction.OUTBOUND:
        cap = limits.max_outbound_calls
        if cap is not None and load.leading_outside >= cap:
            return Breach(Reason.MAX_OUTBOUND_CALLS, load.leading_outside, cap)
    elif direction is Direction.INBOUND:
        cap = limits.max_inbound_calls
        if cap is not None and load.inbound >= cap:
            return Breach(Reason.MAX_INBOUND_CALLS, load.inbound, cap)
    cap = limits.max_calls_per_second
    if cap is not None and past_second >= cap:
        return Breach(Reason.MAX_CALLS_PER_SECOND, past_second, cap)
    return None


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on one hook. A refusal is a value, not an exception."""

    outcome: Outcome
    reason: Reason
    breach: Breach | None = None

    @property
    def refused(self) -> bool:
        """Whether the dialplan is told to hang up."""
        return self.outcome is Outcome.REFUSE


ADMITTED = Decision(Outcome.ADMIT, Reason.OK)
EMERGENCY = Decision(Outcome.ADMIT, Reason.EMERGENCY)


def decide(breach: Breach | None, mode: Mode, *, counts_are_true: bool = True) -> Decision:
    """Decide by the mode: only `enforce` refuses, and never on counts that may be untrue.

    In `off` a breach is admitted like any other call, without saying what would have been refused.
    """
    if breach is None or mode is Mode.OFF:
        return ADMITTED
    if mode is Mode.LOG:
        return Decision(Outcome.WOULD_REFUSE, breach.reason, breach)
    if not counts_are_true and breach.reason in COUNTED_REASONS:
        return Decision(Outcome.WOULD_REFUSE, Reason.UNRECONCILED, breach)
    return Decision(Outcome.REFUSE, breach.reason, breach)

"""Lines and counters of facts about admissions, calls, legs and cuts.

Call ids, linkedids and uniqueids belong in a line, never in a metric's label.
"""

from __future__ import annotations

from typing import Any, Final

from pbxbilling.calls.admission.decision import Decision
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.live.facts import (
    CallChanged,
    CallEnded,
    CallStarted,
    ClockDisagreed,
    CutArmed,
    LegAnswered,
    LegEnded,
    SlotReleased,
    WouldCut,
)
from pbxbilling.calls.live.records import CallRecord, LegRecord
from pbxbilling.kernel.codes import Mode, Outcome, Reason
from pbxbilling.telemetry.facts.counts import CounterSpec, Counts
from pbxbilling.telemetry.facts.line import DEBUG, INFO, WARNING, Line, Mask
from pbxbilling.telemetry.facts.row import NO_COUNTER, Row, counted, counted_by, plain, tallied

_DECISIONS: Final = CounterSpec(
    "admission_decisions", "Verdicts on hooks.", ("tenant", "verdict", "reason")
)
_EMERGENCIES: Final = CounterSpec("emergency_calls", "Emergency calls admitted.", ("tenant",))
_USAGE: Final = CounterSpec(
    "usage_seconds", "Answered seconds of ended trunk legs.", ("tenant", "direction")
)
_ESTIMATED: Final = CounterSpec("estimated_legs", "Legs with an estimated answer or end.", ("pbx",))
_UNPROVEN: Final = CounterSpec(
    "unproven_seconds",
    "Seconds of those legs that may have been talk, and are not charged.",
    ("pbx",),
)
_CUTS: Final = CounterSpec(
    "allowance_cuts", "Cuts armed, or left out by the mode.", ("tenant", "kind")
)


def _admission(fact: AdmissionDecided, mask: Mask) -> Line:
    request, decision = fact.request, fact.decision
    level, event = _verdict(fact, decision)
    reason, number = decision.reason, request.number
    fields: dict[str, Any] = {
        "tenant": fact.tenant,
        "direction": request.direction,
        "reason": reason,
        "number": number if reason is Reason.EMERGENCY else mask(number),  # 112 is not personal
        "caller": mask(request.caller),
        "call": fact.call,
        "pbx": request.pbx,
        "uniqueid": request.uniqueid,
        "linkedid": request.linkedid,
    }
    breach = decision.breach
    if breach is not None:
        fields["used"], fields["limit"] = breach.used, breach.limit
        if breach.reason is not reason:
            fields["breach"] = breach.reason
    if fact.inside:
        fields["inside"] = True
    return Line(level, event, fields)


def _verdict(fact: AdmissionDecided, decision: Decision) -> tuple[int, str]:
    if decision.outcome is Outcome.ADMIT:
        if decision.reason is Reason.OK:
            return INFO, "call admitted"
        if decision.reason is Reason.EMERGENCY:
            return WARNING, "emergency call admitted"
        return WARNING, "call admitted by policy"
    direction = fact.request.direction or "a"
    call = f"{direction} call of {fact.tenant or 'an unknown tenant'}: {_why(decision)}"
    if decision.outcome is Outcome.REFUSE:
        return WARNING, f"[PLAN-LIMIT:{Mode.ENFORCE}] blocked {call}"
    return WARNING, f"[PLAN-LIMIT:{Mode.LOG}] would block {call}"


def _why(decision: Decision) -> str:
    breach = decision.breach
    if breach is None or breach.limit is None:
        return decision.reason
    return f"{breach.reason}, {breach.used} of {breach.limit} used"


def _call(call: CallRecord, mask: Mask) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "tenant": call.tenant,
        "direction": call.direction,
        "call": call.call,
        "pbx": call.pbx,
        "uniqueid": call.origin,
        "linkedid": call.linkedid,
        "number": mask(call.number),
        "caller": mask(call.caller),
    }
    flags = ("over_limit", "emergency", "estimated")
    fields.update({flag: True for flag in flags if getattr(call, flag)})
    if not call.hooked:
        fields["hooked"] = False
    if call.merged_into is not None:
        fields["merged_into"] = call.merged_into
    return fields


def _call_started(fact: CallStarted, mask: Mask) -> Line:
    return Line(DEBUG if fact.call.hooked else INFO, "call counts", _call(fact.call, mask))


def _call_changed(fact: CallChanged, mask: Mask) -> Line:
    return Line(DEBUG, "call changed", _call(fact.call, mask))


def _call_ended(fact: CallEnded, mask: Mask) -> Line:
    event = "call ended" if fact.call.merged_into is None else "call merged"
    return Line(INFO, event, _call(fact.call, mask))


def _leg(leg: LegRecord, mask: Mask) -> dict[str, Any]:
    return {
        "tenant": leg.tenant,
        "direction": leg.direction,
        "call": leg.call,
        "leg": str(leg.key),
        "channel": leg.channel,
        "linkedid": leg.linkedid,
        "number": mask(leg.number),
    }


def _leg_answered(fact: LegAnswered, mask: Mask) -> Line:
    fields = _leg(fact.leg, mask)
    if fact.leg.tenant is None:
        return Line(WARNING, "trunk leg answered without a tenant", fields)
    return Line(DEBUG, "trunk leg answered", fields)


def _leg_ended(fact: LegEnded, mask: Mask) -> Line:
    leg = fact.leg
    fields = _leg(leg, mask)
    if leg.answered_at is None:
        return Line(DEBUG, "trunk leg ended unanswered", fields)
    fields |= {"talk_s": leg.talk_us / 1e6, "billed_s": leg.billed_s, "month": leg.month}
    fields |= {"witness": leg.witness}
    if leg.tenant is None:
        return Line(
            WARNING, "trunk leg ended without a tenant: assign it with `usage assign`", fields
        )
    return Line(INFO, "trunk leg ended", fields)


def _slot_released(fact: SlotReleased, mask: Mask) -> Line:
    return Line(
        WARNING, "slot released by command", {"actor": fact.actor, **_call(fact.call, mask)}
    )


def _would_cut(fact: WouldCut, mask: Mask) -> Line:  # noqa: ARG001
    fields = {
        "tenant": fact.tenant,
        "reason": Reason.ALLOWANCE,
        "leg": str(fact.key),
        "call": fact.call,
        "pbx": fact.key.pbx,
    }
    return Line(WARNING, f"[PLAN-LIMIT:{Mode.LOG}] would cut a call of {fact.tenant}", fields)


def _count_admission(fact: AdmissionDecided, counts: Counts) -> None:
    tenant, decision = counts.tenants.of(fact.tenant), fact.decision
    counts.add(_DECISIONS, (tenant, decision.outcome, decision.reason))
    if decision.reason is Reason.EMERGENCY:
        counts.add(_EMERGENCIES, (tenant,))


def _count_leg_ended(fact: LegEnded, counts: Counts) -> None:
    leg, counted_us = fact.leg, fact.before.talk_us if fact.before else 0
    if leg.talk_us > counted_us:  # a counter never decreases
        more_s = (leg.talk_us - counted_us) / 1e6
        counts.add(_USAGE, (counts.tenants.of(leg.tenant), leg.direction), more_s)
    if leg.estimated and not (fact.before and fact.before.estimated):
        counts.add(_ESTIMATED, (leg.key.pbx,))
        counts.add(_UNPROVEN, (leg.key.pbx,), leg.unproven_s or 0.0)


ROWS = (
    Row(
        AdmissionDecided,
        line=_admission,
        counter=counted_by(_count_admission, _DECISIONS, _EMERGENCIES),
    ),
    Row(
        CallStarted,
        line=_call_started,
        counter=NO_COUNTER,
        is_detail=lambda fact: fact.call.hooked,  # the admission has been logged already
    ),
    Row(CallChanged, line=_call_changed, counter=NO_COUNTER, is_detail=lambda _fact: True),
    Row(CallEnded, line=_call_ended, counter=NO_COUNTER),
    Row(LegAnswered, line=_leg_answered, counter=NO_COUNTER),
    Row(
        LegEnded,
        line=_leg_ended,
        counter=counted_by(_count_leg_ended, _USAGE, _ESTIMATED, _UNPROVEN),
    ),
    Row(
        SlotReleased,
        line=_slot_released,
        counter=tallied("slots_released", "Slots released by command."),
    ),
    Row(
        CutArmed,
        line=plain(
            INFO,
            "cut armed: the allowance ends",
            lambda fact: {"tenant": fact.tenant, "in_s": fact.in_s, "leg": str(fact.key)},
        ),
        counter=counted(_CUTS, lambda fact, tenants: (tenants.of(fact.tenant), "armed")),
    ),
    Row(
        WouldCut,
        line=_would_cut,
        counter=counted(_CUTS, lambda fact, tenants: (tenants.of(fact.tenant), "would_cut")),
    ),
    Row(
        ClockDisagreed,
        line=plain(
            WARNING,
            "clocks disagree: the monotonic one counts",
            lambda fact: {
                "by_stamps_s": fact.by_stamps_s,
                "by_monotonic_s": fact.by_monotonic_s,
                "leg": str(fact.key),
            },
        ),
        counter=counted(
            CounterSpec(
                "clock_disagreements",
                "Legs timed by the monotonic clock, because the PBX's clock disagreed.",
                ("pbx",),
            ),
            lambda fact, _: (fact.key.pbx,),
        ),
    ),
)

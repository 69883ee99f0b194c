"""Log lines of facts: one fact, one line. Pure; `logs` writes them.

Call ids, linkedids and uniqueids belong in a line, never in a metric's label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pbxbilling.accounts.facts import AccountsChanged, StatusChanged
from pbxbilling.billing.figures import FiguresTaken
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
from pbxbilling.calls.live.pbx_facts import (
    Corrected,
    JournalDisagreed,
    JournalReadable,
    JournalUnreadable,
    LinkDown,
    LinkRetryFailed,
    LinkUp,
    PbxLetGo,
    PbxTakenUp,
    Reconciled,
    RightsExceeded,
    Stale,
)
from pbxbilling.calls.live.records import CallRecord, LegRecord
from pbxbilling.kernel.codes import Mode, Outcome, Reason
from pbxbilling.kernel.facts import ConfigReloaded, Fact, StoreFailing, StoreRecovered, TaskFailed
from pbxbilling.privacy.retention import Purged, PurgeFailed
from pbxbilling.subscriptions.facts import DailyCheckDone, DailyCheckFailed
from pbxbilling.telemetry.facts.line import DEBUG, ERROR, INFO, WARNING, Line, Mask, plain
from pbxbilling.telemetry.facts.money_lines import MONEY_LINES


def masked(number: str) -> str:
    """Mask a number: show its last three digits, two of a short one."""
    if len(number) > 6:
        return "***" + number[-3:]
    return "***" + number[-2:] if len(number) > 2 else number and "***"


def in_full(number: str) -> str:
    """Return the number unmasked, for level debug."""
    return number


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


def line_from(fact: Fact, mask: Mask, level: int) -> Line | None:
    """Return the line of a fact, None below this level; numbers go through `mask`."""
    if level > DEBUG and _is_detail(fact):
        return None
    line = line_of(fact, mask)
    return line if line.level >= level else None


def line_of(fact: Fact, mask: Mask) -> Line:
    """Return the line of a fact, whatever its level."""
    return _LINES[type(fact)](fact, mask)


def _is_detail(fact: Fact) -> bool:
    """Return whether the line has level debug, without building it: most lines have."""
    if isinstance(fact, CallStarted):
        return fact.call.hooked  # the admission has been logged already
    return isinstance(fact, CallChanged)


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
    return Line(DEBUG if _is_detail(fact) else INFO, "call counts", _call(fact.call, mask))


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


def _corrected(fact: Corrected, mask: Mask) -> Line:  # noqa: ARG001 - the signature is fixed
    fields = {"pbx": fact.pbx, "kind": fact.kind, "call": fact.call}
    if fact.key is not None:
        fields["uniqueid"] = fact.key.uniqueid
    return Line(WARNING, f"ledger corrected: {fact.kind}", fields)


def _slot_released(fact: SlotReleased, mask: Mask) -> Line:
    return Line(
        WARNING, "slot released by command", {"actor": fact.actor, **_call(fact.call, mask)}
    )


def _would_cut(fact: WouldCut, mask: Mask) -> Line:  # noqa: ARG001 - the signature is fixed
    fields = {
        "tenant": fact.tenant,
        "reason": Reason.ALLOWANCE,
        "leg": str(fact.key),
        "call": fact.call,
        "pbx": fact.key.pbx,
    }
    return Line(WARNING, f"[PLAN-LIMIT:{Mode.LOG}] would cut a call of {fact.tenant}", fields)


def _config_reloaded(fact: ConfigReloaded, mask: Mask) -> Line:  # noqa: ARG001 - the signature is fixed
    if fact.error is not None:
        fields = {"mode": fact.mode, "error": fact.error}
        return Line(ERROR, "config rejected: the last good one stays in force", fields)
    return Line(INFO, "config reloaded", {"mode": fact.mode})


def _status_changed(fact: StatusChanged, mask: Mask) -> Line:  # noqa: ARG001 - the signature is fixed
    fields = {
        "tenant": fact.tenant,
        "before": fact.before,
        "after": fact.after,
        "turn": fact.transition,
        "actor": fact.actor,
        "subscription": fact.subscription,
    }
    return Line(INFO, "standing changed", fields)


def _daily_check(fact: DailyCheckDone, _mask: Mask) -> Line:
    fields: dict[str, Any] = {"due": fact.due, "booked": fact.booked}
    if not fact.notices:
        return Line(INFO, "daily check done", fields)
    return Line(WARNING, "daily check done", fields | {"notices": list(fact.notices)})


def _purged(fact: Purged, _mask: Mask) -> Line:
    rows: dict[str, Any] = {chore.value: rows for chore, rows in fact.rows.items() if rows}
    if fact.complete:
        return Line(INFO, "purged: what had been kept for its time", rows)
    return Line(INFO, "purged in part: the nightly purge goes on", rows)


_LINES: Mapping[type, Callable[[Any, Mask], Line]] = {
    AdmissionDecided: _admission,
    CallStarted: _call_started,
    CallChanged: _call_changed,
    CallEnded: _call_ended,
    LegAnswered: _leg_answered,
    LegEnded: _leg_ended,
    Corrected: _corrected,
    PbxTakenUp: plain(INFO, "pbx taken up", "pbx", "journal"),
    PbxLetGo: plain(WARNING, "pbx let go: its calls are closed", "pbx"),
    LinkUp: plain(INFO, "link up", "pbx", "uptime_s"),
    LinkDown: plain(WARNING, "link down: nothing is released", "pbx", "reason"),
    LinkRetryFailed: plain(DEBUG, "link still down", "pbx", "reason"),
    Reconciled: plain(DEBUG, "reconciled", "pbx", "channels"),
    RightsExceeded: plain(WARNING, "manager user may do too much", "pbx", "user", "rights", "mend"),
    Stale: plain(ERROR, "counts stale: judged as in log mode", "pbx", "reason"),
    SlotReleased: _slot_released,
    CutArmed: plain(INFO, "cut armed: the allowance ends", "tenant", "key", "in_s"),
    WouldCut: _would_cut,
    ClockDisagreed: plain(
        WARNING,
        "clocks disagree: the monotonic one counts",
        "key",
        "by_stamps_s",
        "by_monotonic_s",
    ),
    JournalDisagreed: plain(WARNING, "journal disagrees", "key", "difference_s"),
    JournalUnreadable: plain(
        WARNING, "journal unreadable: recovery from AMI alone", "pbx", "path", "error"
    ),
    JournalReadable: plain(INFO, "journal readable again", "pbx", "path"),
    ConfigReloaded: _config_reloaded,
    StoreFailing: plain(ERROR, "store failing: records wait in memory", "error", "pending"),
    StoreRecovered: plain(INFO, "store recovered", "written"),
    TaskFailed: plain(ERROR, "task failed: calls go on, it is tried again", "task", "error"),
    AccountsChanged: plain(INFO, "accounts changed", "actor", "action", "subject"),
    StatusChanged: _status_changed,
    DailyCheckDone: _daily_check,
    DailyCheckFailed: plain(ERROR, "daily check failed: tried again in a minute", "error"),
    FiguresTaken: plain(DEBUG, "figures taken", "month"),
    Purged: _purged,
    PurgeFailed: plain(ERROR, "purge failed: it goes on in a minute", "error"),
    **MONEY_LINES,
}

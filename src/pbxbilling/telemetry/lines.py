"""The words of the log: one fact, one line. Pure; `logs` writes them.

Call ids, linkedids and uniqueids belong in a line, never in a metric's label.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pbxbilling.domain.admission import Decision, Mode, Outcome, Reason
from pbxbilling.domain.facts import (
    AccountsChanged,
    AdmissionDecided,
    CallChanged,
    CallEnded,
    CallStarted,
    ClockDisagreed,
    ConfigReloaded,
    Corrected,
    CutArmed,
    DailyCheckDone,
    DailyCheckFailed,
    Fact,
    JournalDisagreed,
    JournalReadable,
    JournalUnreadable,
    LegAnswered,
    LegEnded,
    LinkDown,
    LinkRetryFailed,
    LinkUp,
    PbxLetGo,
    PbxTakenUp,
    Reconciled,
    SlotReleased,
    Stale,
    StandingChanged,
    StoreFailing,
    StoreRecovered,
    WouldCut,
)
from pbxbilling.domain.gateway import LetterState
from pbxbilling.domain.gateway_facts import (
    Drifted,
    GatewayAway,
    GatewayBack,
    LetterTaken,
    PaymentAlert,
    WebhookReceived,
    WebhookResult,
)
from pbxbilling.domain.records import CallRecord, LegRecord

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

Mask = Callable[[str], str]


class Line(NamedTuple):
    """A log line before it has a form: level (of `logging`), event, fields."""

    level: int
    event: str
    fields: dict[str, Any]


def masked(number: str) -> str:
    """A number as it may be shown: its last three digits, two of a short one."""
    if len(number) > 6:
        return "***" + number[-3:]
    return "***" + number[-2:] if len(number) > 2 else number and "***"


def in_full(number: str) -> str:
    """A number at level debug."""
    return number


def admission_line(fact: AdmissionDecided, mask: Mask) -> Line:
    """The line of a verdict: the hot one, at a hundred and more calls a second."""
    request, decision = fact.request, fact.decision
    level, event = _verdict(fact, decision)
    emergency = decision.reason is Reason.EMERGENCY  # 112 is nobody's number
    fields: dict[str, Any] = {
        "tenant": fact.tenant,
        "direction": request.direction,
        "reason": decision.reason,
        "number": request.number if emergency else mask(request.number),
        "caller": mask(request.caller),
        "call": fact.call,
        "pbx": request.pbx,
        "uniqueid": request.uniqueid,
        "linkedid": request.linkedid,
    }
    breach = decision.breach
    if breach is not None:
        fields["used"], fields["limit"] = breach.used, breach.limit
        if breach.reason is not decision.reason:
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
    whose = f"{direction} call of {fact.tenant or 'an unknown tenant'}: {_why(decision)}"
    if decision.outcome is Outcome.REFUSE:
        return WARNING, f"[PLAN-LIMIT:{Mode.ENFORCE}] blocked {whose}"
    return WARNING, f"[PLAN-LIMIT:{Mode.LOG}] would block {whose}"


def _why(decision: Decision) -> str:
    breach = decision.breach
    if breach is None or breach.limit is None:
        return decision.reason
    return f"{breach.reason}, {breach.used} of {breach.limit} used"


def line_of(fact: Fact, mask: Mask) -> Line:
    """The line that a fact makes; numbers go through `mask`."""
    return _LINES[type(fact)](fact, mask)


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
    # A hooked call has its line already: the admission.
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


def _corrected(fact: Corrected, mask: Mask) -> Line:  # noqa: ARG001
    fields = {"pbx": fact.pbx, "kind": fact.kind, "call": fact.call}
    if fact.key is not None:
        fields["uniqueid"] = fact.key.uniqueid
    return Line(WARNING, f"ledger corrected: {fact.kind}", fields)


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


def _config_reloaded(fact: ConfigReloaded, mask: Mask) -> Line:  # noqa: ARG001
    if fact.error is not None:
        fields = {"mode": fact.mode, "error": fact.error}
        return Line(ERROR, "config rejected: the last good one stays in force", fields)
    return Line(INFO, "config reloaded", {"mode": fact.mode})


def _plain(level: int, event: str, *names: str) -> Callable[[Any, Mask], Line]:
    """A line whose fields are those of the fact."""

    def line(fact: Any, mask: Mask) -> Line:  # noqa: ARG001
        fields = {name: getattr(fact, name) for name in names}
        if "key" in fields:
            fields["leg"] = str(fields.pop("key"))
        return Line(level, event, fields)

    return line


def _webhook(fact: WebhookReceived, _mask: Mask) -> Line:
    match fact.result:
        case WebhookResult.STORED | WebhookResult.IGNORED | WebhookResult.RECOVERED:
            level = DEBUG
        case WebhookResult.NOT_KEPT:
            level = ERROR
        case _:
            level = WARNING if fact.loud else DEBUG
    fields = {"result": fact.result, "kind": fact.kind, "id": fact.event, "reason": fact.reason}
    return Line(level, "webhook", {key: value for key, value in fields.items() if value})


def _letter_taken(fact: LetterTaken, _mask: Mask) -> Line:
    level = INFO if fact.state is LetterState.DONE else WARNING
    fields = {"tenant": fact.tenant, "kind": fact.kind, "state": fact.state, "id": fact.event}
    return Line(level, "payment event taken", fields | ({"note": fact.note} if fact.note else {}))


def _daily_check(fact: DailyCheckDone, _mask: Mask) -> Line:
    fields: dict[str, Any] = {"due": fact.due, "booked": fact.booked}
    if not fact.notices:
        return Line(INFO, "daily check done", fields)
    return Line(WARNING, "daily check done", fields | {"notices": list(fact.notices)})


_LINES: Mapping[type, Callable[[Any, Mask], Line]] = {
    AdmissionDecided: admission_line,
    CallStarted: _call_started,
    CallChanged: _call_changed,
    CallEnded: _call_ended,
    LegAnswered: _leg_answered,
    LegEnded: _leg_ended,
    Corrected: _corrected,
    PbxTakenUp: _plain(INFO, "pbx taken up", "pbx", "journal"),
    PbxLetGo: _plain(WARNING, "pbx let go: its calls are closed", "pbx"),
    LinkUp: _plain(INFO, "link up", "pbx", "uptime_s"),
    LinkDown: _plain(WARNING, "link down: nothing is released", "pbx", "reason"),
    LinkRetryFailed: _plain(DEBUG, "link still down", "pbx", "reason"),
    Reconciled: _plain(DEBUG, "reconciled", "pbx", "channels"),
    Stale: _plain(ERROR, "counts stale: judged as in log mode", "pbx", "reason"),
    SlotReleased: _slot_released,
    CutArmed: _plain(INFO, "cut armed: the allowance ends", "tenant", "key", "in_s"),
    WouldCut: _would_cut,
    ClockDisagreed: _plain(
        WARNING,
        "clocks disagree: the monotonic one counts",
        "key",
        "by_stamps_s",
        "by_monotonic_s",
    ),
    JournalDisagreed: _plain(WARNING, "journal disagrees", "key", "difference_s"),
    JournalUnreadable: _plain(
        WARNING, "journal unreadable: recovery from AMI alone", "pbx", "path", "error"
    ),
    JournalReadable: _plain(INFO, "journal readable again", "pbx", "path"),
    ConfigReloaded: _config_reloaded,
    StoreFailing: _plain(ERROR, "store failing: records wait in memory", "error", "pending"),
    StoreRecovered: _plain(INFO, "store recovered", "written"),
    AccountsChanged: _plain(INFO, "accounts changed", "actor", "action", "subject"),
    StandingChanged: _plain(
        INFO, "standing changed", "tenant", "before", "after", "turn", "actor", "subscription"
    ),
    DailyCheckDone: _daily_check,
    DailyCheckFailed: _plain(ERROR, "daily check failed: tried again in a minute", "error"),
    WebhookReceived: _webhook,
    LetterTaken: _letter_taken,
    GatewayAway: _plain(WARNING, "gateway away: events are applied as they say", "reason"),
    GatewayBack: _plain(INFO, "gateway back"),
    Drifted: _plain(WARNING, "subscription had drifted: applied", "tenant", "subscription"),
    PaymentAlert: _plain(WARNING, "payments need a look", "subject", "note"),
}

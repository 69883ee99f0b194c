"""Records to write into a store, with irrelevant fields filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.records import CallRecord, DecisionRecord, EndWitness, LegRecord
from pbxbilling.kernel.codes import Direction, LegDirection, Mode, Outcome, Reason

NOON = datetime(2026, 11, 21, 12, 0, 0, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """Return the time so many seconds past noon."""
    return NOON + timedelta(seconds=seconds)


def call(name: str = "c1", **changed: Any) -> CallRecord:
    """Return a live outbound call of acme."""
    fields: dict[str, Any] = {
        "call": name,
        "tenant": "acme",
        "pbx": "main",
        "direction": Direction.OUTBOUND,
        "origin": "1795222182.0",
        "asker": "1795222182.0",
        "linkedid": "1795222182.0",
        "caller": "101",
        "number": "15550100",
        "started_at": NOON,
    }
    return CallRecord(**(fields | changed))


def leg(uniqueid: str = "1795222182.1", **changed: Any) -> LegRecord:
    """Return an answered, live outbound trunk leg of acme."""
    fields: dict[str, Any] = {
        "key": ChannelKey("main", uniqueid),
        "call": "c1",
        "tenant": "acme",
        "direction": LegDirection.OUTBOUND,
        "channel": "PJSIP/carrier-00000001",
        "linkedid": "1795222182.0",
        "caller": "101",
        "number": "15550100",
        "started_at": NOON,
        "answered_at": after(2),
    }
    return LegRecord(**(fields | changed))


def ended_leg(
    uniqueid: str = "1795222182.1",
    witness: EndWitness = EndWitness.LIVE,
    talk_s: int = 60,
    **changed: Any,
) -> LegRecord:
    """Return that leg after its end."""
    fields: dict[str, Any] = {
        "ended_at": after(2 + talk_s),
        "talk_us": talk_s * 1_000_000,
        "billed_s": -(-talk_s // 60) * 60,
        "allowance_s": -(-talk_s // 60) * 60,
        "month": "2026-11",
        "witness": witness,
    }
    return leg(uniqueid, **(fields | changed))


def decision(second: float = 0, outcome: Outcome = Outcome.ADMIT, **changed: Any) -> DecisionRecord:
    """Return a decision about a call of acme, so many seconds past noon."""
    fields: dict[str, Any] = {
        "at": after(second),
        "pbx": "main",
        "uniqueid": "1795222182.0",
        "call": "c1",
        "tenant": "acme",
        "direction": Direction.OUTBOUND,
        "caller": "101",
        "number": "15550100",
        "mode": Mode.ENFORCE,
        "outcome": outcome,
        "reason": Reason.OK if outcome is Outcome.ADMIT else Reason.MAX_CALLS,
    }
    return DecisionRecord(**(fields | changed))

"""MQTT topics and payloads: what is published where. Pure; `publisher` sends them.

The topics and keys are a contract, described in docs/reference/mqtt.md: keys are only ever added.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from pbxbilling.accounts.facts import StatusChanged
from pbxbilling.accounts.terms.tenant import UNOWNED
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.live.facts import CallEnded
from pbxbilling.calls.tenant_state import TenantState
from pbxbilling.kernel.codes import Outcome, Reason
from pbxbilling.kernel.facts import Fact, instant_of

PREFIX = "pbxbilling"

Mask = Callable[[str], str]


class MqttMessage(NamedTuple):
    """A message for the broker, which saves a retained one for later subscribers."""

    topic: str
    payload: bytes
    retain: bool = False


ONLINE = MqttMessage(f"{PREFIX}/status", b"online", retain=True)
OFFLINE = MqttMessage(ONLINE.topic, b"offline", retain=True)  # also the last will


def state_message(state: TenantState) -> MqttMessage:
    """Return a tenant's live calls and usage, retained. `limit`: null is unlimited, 0 is none."""
    fields = {
        "at": _instant(state.at),
        "tenant": state.tenant,
        "plan": state.plan,
        "status": state.status,
        "blocks": list(state.blocks),
        "mode": state.mode,
        "calls": state.calls,
        "outbound_calls": state.outbound_calls,
        "inbound_calls": state.inbound_calls,
        "internal_calls": state.internal_calls,
        "limit": state.max_calls,
        "month": state.month,
        "minutes": str(state.minutes),
        "included_minutes": state.included_minutes,
    }
    return MqttMessage(f"{_place(state.tenant)}/state", _payload(fields), retain=True)


def event_message(fact: Fact, mask: Mask) -> MqttMessage:
    """Return the message of a fact of one of `EVENTS`; numbers go through `mask`."""
    tenant, name, fields = EVENTS[type(fact)](fact, mask)
    fields = {"at": _instant(instant_of(fact)), "tenant": tenant, **fields}
    return MqttMessage(f"{_place(tenant)}/events/{name}", _payload(fields))


class TenantEvent(NamedTuple):
    """An event before it has a topic: tenant, name, and keys besides `at` and `tenant`."""

    tenant: str | None
    name: str
    fields: dict[str, Any]


_VERDICTS: Mapping[Outcome, str] = {
    Outcome.ADMIT: "admitted",
    Outcome.REFUSE: "refused",
    Outcome.WOULD_REFUSE: "would_refuse",
}


def _decided(fact: AdmissionDecided, mask: Mask) -> TenantEvent:
    request, decision = fact.request, fact.decision
    emergency = decision.reason is Reason.EMERGENCY  # 112 is no personal number
    breach = decision.breach
    fields = {
        "call": fact.call,
        "pbx": request.pbx,
        "uniqueid": request.uniqueid,
        "linkedid": request.linkedid,
        "direction": request.direction,
        "mode": fact.mode,
        "reason": decision.reason,
        "breach": breach.reason if breach else None,
        "used": breach.used if breach else None,
        "limit": breach.limit if breach else None,
        "inside": fact.inside,
        "number": request.number if emergency else mask(request.number),
        "caller": mask(request.caller),
    }
    return TenantEvent(fact.tenant, _VERDICTS[decision.outcome], fields)


def _ended(fact: CallEnded, mask: Mask) -> TenantEvent:
    call = fact.call
    fields = {
        "call": call.call,
        "pbx": call.pbx,
        "uniqueid": call.origin,
        "linkedid": call.linkedid,
        "direction": call.direction,
        "started_at": _instant(call.started_at),
        "answered_at": _instant(call.answered_at),
        "ended_at": _instant(call.ended_at),
        "number": mask(call.number),
        "caller": mask(call.caller),
        "hooked": call.hooked,
        "over_limit": call.over_limit,
        "emergency": call.emergency,
        "estimated": call.estimated,
        "merged_into": call.merged_into,
    }
    return TenantEvent(call.tenant, "ended", fields)


def _status_changed(fact: StatusChanged, mask: Mask) -> TenantEvent:  # noqa: ARG001 - the signature is fixed
    fields = {
        "before": fact.before,
        "after": fact.after,
        "turn": fact.transition,
        "actor": fact.actor,
        "subscription": fact.subscription,
    }
    return TenantEvent(fact.tenant, "subscription_changed", fields)


# Facts that are published, one row each; all others only change states, or nothing here.
EVENTS: Mapping[type, Callable[[Any, Mask], TenantEvent]] = {
    AdmissionDecided: _decided,
    CallEnded: _ended,
    StatusChanged: _status_changed,
}


def _place(tenant: str | None) -> str:
    """Return a tenant's topic prefix; a character that MQTT reserves is percent-encoded."""
    return f"{PREFIX}/tenants/{quote(tenant or UNOWNED, safe='', errors='replace')}"


def _payload(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")

"""The topics and keys that are published: the contract of docs/reference/mqtt.md."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pbxbilling.accounts.facts import StatusChanged
from pbxbilling.accounts.terms.status import Status, Transition
from pbxbilling.calls.admission.decision import EMERGENCY, Decision
from pbxbilling.calls.live.facts import CallEnded
from pbxbilling.calls.live.load import Breach
from pbxbilling.kernel.codes import Outcome, Reason
from pbxbilling.mqtt.messages import EVENTS, MqttMessage, event_message, state_message
from tests.support.calls.tenant_state import STATE
from tests.support.kernel.samples import AT, CALLED, CALLER
from tests.support.telemetry.facts import CALL, decided, one_of_each


def mask(number: str) -> str:
    return f"masked {len(number)}"


def said(message: MqttMessage) -> dict[str, Any]:
    keys: dict[str, Any] = json.loads(message.payload)
    return keys


def test_a_state_is_retained_under_its_tenant() -> None:
    message = state_message(STATE)
    assert (message.topic, message.retain) == ("pbxbilling/tenants/acme/state", True)
    assert said(message) == {
        "at": "2026-11-21T10:42:00.250+00:00",
        "tenant": "acme",
        "plan": "starter",
        "status": "active",
        "blocks": ["operator"],
        "mode": "enforce",
        "calls": 2,
        "outbound_calls": 2,
        "inbound_calls": 0,
        "internal_calls": 1,
        "limit": 5,
        "month": "2026-11",
        "minutes": "12.5",
        "included_minutes": None,
    }


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (Outcome.ADMIT, "admitted"),
        (Outcome.REFUSE, "refused"),
        (Outcome.WOULD_REFUSE, "would_refuse"),
    ],
)
def test_a_verdict_is_an_event_by_its_outcome_and_is_not_retained(
    outcome: Outcome, name: str
) -> None:
    breach = None if outcome is Outcome.ADMIT else Breach(Reason.MAX_CALLS, 5, 5)
    message = event_message(decided(Decision(outcome, Reason.MAX_CALLS, breach)), mask)
    assert message.topic == f"pbxbilling/tenants/acme/events/{name}"
    assert not message.retain
    keys = said(message)
    assert (keys["used"], keys["limit"]) == ((5, 5) if breach else (None, None))
    assert (keys["number"], keys["caller"]) == (mask(CALLED), mask(CALLER))


def test_an_emergency_number_is_shown_and_its_caller_is_not() -> None:
    keys = said(event_message(decided(EMERGENCY, number="112"), mask))
    assert (keys["number"], keys["caller"]) == ("112", mask(CALLER))


def test_the_end_of_a_call_is_an_event_with_masked_numbers() -> None:
    call = replace(CALL, ended_at=AT, merged_into="c0")
    message = event_message(CallEnded(AT, call), mask)
    assert message.topic == "pbxbilling/tenants/acme/events/ended"
    keys = said(message)
    assert (keys["call"], keys["merged_into"]) == ("c1", "c0")
    assert (keys["answered_at"], keys["ended_at"]) == (None, "2026-11-21T10:42:00.250+00:00")
    assert (keys["number"], keys["caller"]) == (mask(CALLED), mask(CALLER))


def test_a_status_change_is_an_event_with_its_actor() -> None:
    turned = StatusChanged(
        AT, "acme", Status.TRIAL, Status.ACTIVE, Transition.PAID, "stripe", "sub_1"
    )
    message = event_message(turned, mask)
    assert message.topic == "pbxbilling/tenants/acme/events/subscription_changed"
    assert said(message) == {
        "at": "2026-11-21T10:42:00.250+00:00",
        "tenant": "acme",
        "before": "trial",
        "after": "active",
        "turn": "paid",
        "actor": "stripe",
        "subscription": "sub_1",
    }


def test_no_event_shows_a_number_in_full() -> None:
    events = [event_message(fact, mask) for fact in one_of_each() if type(fact) in EVENTS]
    assert len(events) == len(EVENTS)
    text = b"".join(event.payload for event in events).decode()
    assert CALLED not in text
    assert CALLER not in text


def test_legs_without_a_tenant_and_reserved_characters_make_valid_topics() -> None:
    assert event_message(decided(tenant=None), mask).topic.startswith("pbxbilling/tenants/_unowned")
    message = event_message(decided(tenant="a/+#\udcff"), mask)  # as a dialplan may name it
    assert message.topic == "pbxbilling/tenants/a%2F%2B%23%3F/events/admitted"

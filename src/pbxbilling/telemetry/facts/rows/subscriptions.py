"""Lines and counters of facts about subscriptions and a payment gateway."""

from __future__ import annotations

from typing import Any, Final

from pbxbilling.subscriptions.events import EventState
from pbxbilling.subscriptions.facts import (
    CycleOpened,
    DailyCheckDone,
    DailyCheckFailed,
    Drifted,
    EventTaken,
    GatewayAway,
    GatewayBack,
    PaymentAlert,
    WebhookReceived,
    WebhookResult,
)
from pbxbilling.telemetry.facts.counts import CounterSpec
from pbxbilling.telemetry.facts.line import DEBUG, ERROR, INFO, WARNING, Line, Mask
from pbxbilling.telemetry.facts.row import NO_COUNTER, Row, counted, plain, tallied

_DAILY_CHECKS: Final = CounterSpec(
    "daily_checks", "Runs of the daily check.", ("result",), starts=(("ok",), ("error",))
)


def _webhook_received(fact: WebhookReceived, mask: Mask) -> Line:  # noqa: ARG001
    match fact.result:
        case WebhookResult.STORED | WebhookResult.IGNORED | WebhookResult.RECOVERED:
            level = DEBUG
        case WebhookResult.NOT_KEPT:
            level = ERROR
        case _:
            level = WARNING if fact.loud else DEBUG
    fields = {"result": fact.result, "kind": fact.kind, "id": fact.event, "reason": fact.reason}
    return Line(level, "webhook", {key: value for key, value in fields.items() if value})


def _event_taken(fact: EventTaken, mask: Mask) -> Line:  # noqa: ARG001
    level = INFO if fact.state is EventState.DONE else WARNING
    fields = {"tenant": fact.tenant, "kind": fact.kind, "state": fact.state, "id": fact.event}
    return Line(level, "payment event taken", fields | ({"note": fact.note} if fact.note else {}))


def _daily_check_done(fact: DailyCheckDone, mask: Mask) -> Line:  # noqa: ARG001
    fields: dict[str, Any] = {"due": fact.due, "booked": fact.booked}
    if not fact.notices:
        return Line(INFO, "daily check done", fields)
    return Line(WARNING, "daily check done", fields | {"notices": list(fact.notices)})


ROWS = (
    Row(
        WebhookReceived,
        line=_webhook_received,
        counter=counted(
            CounterSpec("webhooks", "Requests to the webhook, by result.", ("result",)),
            lambda fact, _: (fact.result.value,),
        ),
    ),
    Row(
        EventTaken,
        line=_event_taken,
        counter=counted(
            CounterSpec("payment_events", "Payment events processed, by state.", ("state",)),
            lambda fact, _: (fact.state.value,),
        ),
    ),
    Row(
        GatewayAway,
        line=plain(
            WARNING,
            "gateway away: events are applied as they say",
            lambda fact: {"reason": fact.reason},
        ),
        counter=tallied("gateway_outages", "Times that the payment gateway could not be reached."),
    ),
    Row(GatewayBack, line=plain(INFO, "gateway back", lambda _fact: {}), counter=NO_COUNTER),
    Row(
        Drifted,
        line=plain(
            WARNING,
            "subscription had drifted: applied",
            lambda fact: {"tenant": fact.tenant, "subscription": fact.subscription},
        ),
        counter=tallied("subscription_drifts", "Subscriptions that had changed without an event."),
    ),
    Row(
        PaymentAlert,
        line=plain(
            WARNING,
            "payments need a look",
            lambda fact: {"subject": fact.subject, "note": fact.note},
        ),
        counter=tallied("payment_alerts", "Payment problems that need a person."),
    ),
    Row(
        CycleOpened,
        line=plain(
            INFO,
            "billing cycle opened",
            lambda fact: {
                "tenant": fact.tenant,
                "invoice": fact.invoice,
                "begins": fact.begins,
                "ends": fact.ends,
            },
        ),
        counter=tallied("billing_cycles", "Billing cycles that a paid invoice opened."),
    ),
    Row(
        DailyCheckDone,
        line=_daily_check_done,
        counter=counted(_DAILY_CHECKS, lambda _fact, _: ("ok",)),
    ),
    Row(
        DailyCheckFailed,
        line=plain(
            ERROR,
            "daily check failed: tried again in a minute",
            lambda fact: {"error": fact.error},
        ),
        counter=counted(_DAILY_CHECKS, lambda _fact, _: ("error",)),
    ),
)

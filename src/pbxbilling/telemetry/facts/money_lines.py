"""Log lines of facts about payments, billing periods and statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pbxbilling.billing.facts import (
    StatementFailed,
    StatementSaved,
    StatementsWait,
    UsageReceived,
    UsageResult,
)
from pbxbilling.calls.metering.usage_event import UsageEventState
from pbxbilling.kernel.money import from_minor
from pbxbilling.payments.facts import InvoiceIssued, UsageDelayed, UsageResumed, UsageSent
from pbxbilling.subscriptions.events import EventState
from pbxbilling.subscriptions.facts import (
    CycleOpened,
    Drifted,
    EventTaken,
    GatewayAway,
    GatewayBack,
    PaymentAlert,
    WebhookReceived,
    WebhookResult,
)
from pbxbilling.telemetry.facts.line import DEBUG, ERROR, INFO, WARNING, Line, Mask, plain


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


def _event_taken(fact: EventTaken, _mask: Mask) -> Line:
    level = INFO if fact.state is EventState.DONE else WARNING
    fields = {"tenant": fact.tenant, "kind": fact.kind, "state": fact.state, "id": fact.event}
    return Line(level, "payment event taken", fields | ({"note": fact.note} if fact.note else {}))


def _usage_sent(fact: UsageSent, _mask: Mask) -> Line:
    fields = {"tenant": fact.tenant, "leg": fact.leg, "minutes": fact.minutes}
    if fact.state is UsageEventState.SENT:
        return Line(DEBUG, "usage sent", fields)
    return Line(WARNING, "usage not sent", fields | {"state": fact.state, "note": fact.note})


def _invoice_issued(fact: InvoiceIssued, _mask: Mask) -> Line:
    total = from_minor(fact.total, fact.currency)
    fields = {"tenant": fact.tenant, "month": fact.month, "invoice": fact.invoice}
    return Line(INFO, "usage invoiced", fields | {"total": total, "currency": fact.currency})


def _usage_received(fact: UsageReceived, _mask: Mask) -> Line:
    if fact.result in {UsageResult.COUNTED, UsageResult.KNOWN}:
        level = DEBUG
    else:
        level = WARNING if fact.loud else DEBUG
    fields: dict[str, Any] = {"result": fact.result, "tenant": fact.tenant, "meter": fact.meter}
    fields |= {"units": fact.units, "reason": fact.reason}
    return Line(level, "usage received", {name: one for name, one in fields.items() if one})


def _statement_saved(fact: StatementSaved, _mask: Mask) -> Line:
    fields: dict[str, Any] = {
        "tenant": fact.tenant,
        "month": fact.month,
        "total": from_minor(fact.total, fact.currency),
        "currency": fact.currency,
        "legs": fact.legs,
    }
    if fact.number:
        return Line(INFO, "interim statement saved", fields | {"number": fact.number})
    if fact.unread:
        event = "statement saved before every journal was read"
        return Line(WARNING, event, fields | {"unread": list(fact.unread)})
    return Line(INFO, "statement saved", fields)


MONEY_LINES: Mapping[type, Callable[[Any, Mask], Line]] = {
    WebhookReceived: _webhook,
    EventTaken: _event_taken,
    GatewayAway: plain(WARNING, "gateway away: events are applied as they say", "reason"),
    GatewayBack: plain(INFO, "gateway back"),
    Drifted: plain(WARNING, "subscription had drifted: applied", "tenant", "subscription"),
    StatementSaved: _statement_saved,
    StatementsWait: plain(WARNING, "statements wait for a PBX", "pbxes"),
    StatementFailed: plain(ERROR, "statement cannot be made", "tenant", "month", "error"),
    CycleOpened: plain(INFO, "billing cycle opened", "tenant", "invoice", "begins", "ends"),
    UsageSent: _usage_sent,
    InvoiceIssued: _invoice_issued,
    UsageReceived: _usage_received,
    UsageDelayed: plain(WARNING, "usage cannot be sent: it is kept", "reason"),
    UsageResumed: plain(INFO, "usage is sent again"),
    PaymentAlert: plain(WARNING, "payments need a look", "subject", "note"),
}

"""Lines and counters of facts about usage sent to a payment gateway, and invoices for it."""

from __future__ import annotations

from pbxbilling.calls.metering.usage_event import UsageEventState
from pbxbilling.kernel.money import from_minor
from pbxbilling.payments.facts import InvoiceIssued, UsageDelayed, UsageResumed, UsageSent
from pbxbilling.telemetry.facts.counts import CounterSpec
from pbxbilling.telemetry.facts.line import DEBUG, INFO, WARNING, Line, Mask
from pbxbilling.telemetry.facts.row import NO_COUNTER, Row, counted, plain, tallied


def _usage_sent(fact: UsageSent, mask: Mask) -> Line:  # noqa: ARG001
    fields = {"tenant": fact.tenant, "leg": fact.leg, "minutes": fact.minutes}
    if fact.state is UsageEventState.SENT:
        return Line(DEBUG, "usage sent", fields)
    return Line(WARNING, "usage not sent", fields | {"state": fact.state, "note": fact.note})


ROWS = (
    Row(
        UsageSent,
        line=_usage_sent,
        counter=counted(
            CounterSpec(
                "meter_events", "Meter events that reached a final state, by state.", ("state",)
            ),
            lambda fact, _: (fact.state.value,),
        ),
    ),
    Row(
        UsageDelayed,
        line=plain(
            WARNING, "usage cannot be sent: it is kept", lambda fact: {"reason": fact.reason}
        ),
        counter=tallied("meter_outages", "Times that usage could not be sent for a while."),
    ),
    Row(
        UsageResumed,
        line=plain(INFO, "usage is sent again", lambda _fact: {}),
        counter=NO_COUNTER,
    ),
    Row(
        InvoiceIssued,
        line=plain(
            INFO,
            "usage invoiced",
            lambda fact: {
                "tenant": fact.tenant,
                "month": fact.month,
                "invoice": fact.invoice,
                "total": from_minor(fact.total, fact.currency),
                "currency": fact.currency,
            },
        ),
        counter=tallied("usage_invoices", "Invoices of usage that were finalized and sent."),
    ),
)

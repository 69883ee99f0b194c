"""Lines and counters of facts about statements, reported usage and business figures."""

from __future__ import annotations

from typing import Any

from pbxbilling.billing.facts import (
    StatementFailed,
    StatementSaved,
    StatementsWait,
    UsageReceived,
    UsageResult,
)
from pbxbilling.billing.figures import FiguresTaken
from pbxbilling.kernel.money import from_minor
from pbxbilling.telemetry.facts.counts import CounterSpec, Counts
from pbxbilling.telemetry.facts.line import DEBUG, ERROR, INFO, WARNING, Line, Mask
from pbxbilling.telemetry.facts.row import Row, counted, counted_by, plain, tallied


def _statement_saved(fact: StatementSaved, mask: Mask) -> Line:  # noqa: ARG001
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


def _usage_received(fact: UsageReceived, mask: Mask) -> Line:  # noqa: ARG001
    if fact.result in {UsageResult.COUNTED, UsageResult.KNOWN}:
        level = DEBUG
    else:
        level = WARNING if fact.loud else DEBUG
    fields: dict[str, Any] = {"result": fact.result, "tenant": fact.tenant, "meter": fact.meter}
    fields |= {"units": fact.units, "reason": fact.reason}
    return Line(level, "usage received", {name: one for name, one in fields.items() if one})


def _show_figures(fact: FiguresTaken, counts: Counts) -> None:
    """Save the figures for the gauges of a scrape, instead of counting them."""
    counts.figures = fact


ROWS = (
    Row(
        StatementSaved,
        line=_statement_saved,
        counter=counted(
            CounterSpec(
                "statements", "Statements saved: final ones, and interim copies.", ("kind",)
            ),
            lambda fact, _: ("interim" if fact.number else "final",),
        ),
    ),
    Row(
        StatementsWait,
        line=plain(WARNING, "statements wait for a PBX", lambda fact: {"pbxes": fact.pbxes}),
        counter=tallied("statement_waits", "Times that a PBX delayed final statements."),
    ),
    Row(
        StatementFailed,
        line=plain(
            ERROR,
            "statement cannot be made",
            lambda fact: {"tenant": fact.tenant, "month": fact.month, "error": fact.error},
        ),
        counter=tallied("statement_failures", "Final statements that could not be made."),
    ),
    Row(
        UsageReceived,
        line=_usage_received,
        counter=counted(
            CounterSpec(
                "usage_requests", "Units reported by other programs, by result.", ("result",)
            ),
            lambda fact, _: (fact.result.value,),
        ),
    ),
    Row(
        FiguresTaken,
        line=plain(DEBUG, "figures taken", lambda fact: {"month": fact.month}),
        counter=counted_by(_show_figures),
    ),
)

"""Counters of facts, hook sessions and faults on links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client.core import Metric

from pbxbilling.accounts.facts import AccountsChanged, StatusChanged
from pbxbilling.billing.facts import StatementFailed, StatementSaved, StatementsWait, UsageReceived
from pbxbilling.billing.figures import FiguresTaken
from pbxbilling.calls.admission.facts import AdmissionDecided
from pbxbilling.calls.live.facts import ClockDisagreed, CutArmed, LegEnded, SlotReleased, WouldCut
from pbxbilling.calls.live.pbx_facts import (
    Corrected,
    JournalDisagreed,
    JournalUnreadable,
    LinkDown,
    LinkRetryFailed,
    RightsExceeded,
    Stale,
)
from pbxbilling.kernel.codes import Reason
from pbxbilling.kernel.facts import ConfigReloaded, Fact, StoreFailing, TaskFailed
from pbxbilling.payments.facts import InvoiceIssued, UsageDelayed, UsageSent
from pbxbilling.privacy.retention import Purged, PurgeFailed
from pbxbilling.subscriptions.facts import (
    CycleOpened,
    DailyCheckDone,
    DailyCheckFailed,
    Drifted,
    EventTaken,
    GatewayAway,
    PaymentAlert,
    WebhookReceived,
)
from pbxbilling.telemetry.facts.counts import Count, Spread, TenantLabels

TENANT_LABELS = 500  # at some ten series each; later tenants share `_other`

_VERDICT_BOUNDS = (
    *(0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.3, 1.0),
)


class Counters:
    """Counts facts, hook sessions and faults on links.

    `sink` is an EventSink; `HookWatch` and `LinkWatch` call the other methods.
    """

    def __init__(self, tenant_labels: int = TENANT_LABELS) -> None:
        self.labels = TenantLabels(tenant_labels)
        self._verdicts = Spread(
            "pbxbilling_admission_seconds",
            "Time from the accept of a hook's connection to its verdict.",
            _VERDICT_BOUNDS,
        )
        self.figures: FiguresTaken | None = None
        self._counts: dict[str, Count] = {}
        self._decisions = self._count(
            "admission_decisions", "Verdicts on hooks.", "tenant", "verdict", "reason"
        )
        self._emergencies = self._count("emergency_calls", "Emergency calls admitted.", "tenant")
        self._usage = self._count(
            "usage_seconds", "Answered seconds of ended trunk legs.", "tenant", "direction"
        )
        self._sessions = self._count("agi_sessions", "Hook sessions by their ending.", "ending")
        self._rejected = self._count(
            "agi_rejected_commands", "Verdicts that Asterisk did not accept, by code.", "code"
        )
        self._failures = self._count(
            "agi_judge_failures", "Hooks answered by policy because judging them failed."
        )
        self._count_others()

    def sink(self, fact: Fact) -> None:
        """Count one fact. Never raises, never waits."""
        if type(fact) is AdmissionDecided:
            self._admission(fact)
        elif type(fact) is LegEnded:
            self._leg_ended(fact)
        elif type(fact) is FiguresTaken:
            self.figures = fact
        elif type(fact) is Purged:
            self._purged(fact)
        else:
            rule = _RULES.get(type(fact))
            if rule is not None:
                name, labels = rule
                self._counts[name].add(labels(fact, self.labels))

    def session_ended(self, ending: str, seconds: float) -> None:
        """Count a hook session that ended; `seconds` to its verdict, or to its end without one."""
        self._sessions.add((ending,))
        if ending not in _WITHOUT_VERDICT:
            self._verdicts.observe(seconds)

    def judge_failed(self) -> None:
        """Count a hook that could not be judged and was answered by policy."""
        self._failures.add()

    def command_rejected(self, code: int) -> None:
        """Count a verdict that Asterisk rejected."""
        self._rejected.add((str(code),))

    def link_event(self, pbx: str, kind: str, amount: int = 1) -> None:
        """Count faults on a PBX's link: `login_failed`, `unmapped`, …"""
        self._counts["ami_faults"].add((pbx, kind), amount)

    def _admission(self, fact: AdmissionDecided) -> None:
        tenant, decision = self.labels.of(fact.tenant), fact.decision
        self._decisions.add((tenant, decision.outcome, decision.reason))
        if decision.reason is Reason.EMERGENCY:
            self._emergencies.add((tenant,))

    def _leg_ended(self, fact: LegEnded) -> None:
        leg, counted_us = fact.leg, fact.before.talk_us if fact.before else 0
        if leg.talk_us > counted_us:  # a counter never decreases
            more_s = (leg.talk_us - counted_us) / 1e6
            self._usage.add((self.labels.of(leg.tenant), leg.direction), more_s)
        if leg.estimated and not (fact.before and fact.before.estimated):
            self._counts["estimated_legs"].add((leg.key.pbx,))
            self._counts["unproven_seconds"].add((leg.key.pbx,), leg.unproven_s or 0.0)

    def _purged(self, fact: Purged) -> None:
        self._counts["purges"].add(("ok" if fact.complete else "in_part",))
        for chore, rows in fact.rows.items():
            self._counts["purged_rows"].add((chore,), rows)

    def families(self) -> list[Metric]:
        """Return the metric families for a scrape."""
        return [self._verdicts.family(), *(count.family() for count in self._counts.values())]

    def _count(self, name: str, text: str, *labels: str) -> Count:
        count = self._counts[name] = Count(f"pbxbilling_{name}", text, *labels)
        return count

    def _count_others(self) -> None:
        self._count(
            "reconcile_corrections", "Differences between a PBX and the ledger.", "pbx", "kind"
        )
        self._count("config_reloads", "Reloads of the configuration.", "result")
        for result in ("ok", "error"):  # present from the start, so that a rate sees the first one
            self._counts["config_reloads"].add((result,), 0)
        self._count("ami_disconnects", "Outages of a link: it fell, or could not be made.", "pbx")
        self._count("ami_stale", "Times that a PBX's counts became doubtful.", "pbx")
        self._count("ami_faults", "Messages and logins on a link that went wrong.", "pbx", "kind")
        self._count("allowance_cuts", "Cuts armed, or left out by the mode.", "tenant", "kind")
        self._count("estimated_legs", "Legs with an estimated answer or end.", "pbx")
        self._count(
            "unproven_seconds",
            "Seconds of those legs that may have been talk, and are not charged.",
            "pbx",
        )
        self._count(
            "clock_disagreements",
            "Legs timed by the monotonic clock, because the PBX's clock disagreed.",
            "pbx",
        )
        self._count(
            "journal_disagreements", "Legs whose end differs between AMI and journal.", "pbx"
        )
        self._count("journal_unreadable", "Times that a journal could not be read.", "pbx")
        self._count("slots_released", "Slots released by command.")
        self._count("accounts_changes", "Changes to plans and tenants.")
        self._count("standing_changes", "Changes of a tenant's status, by the new one.", "status")
        self._count("daily_checks", "Runs of the daily check.", "result")
        for result in ("ok", "error"):
            self._counts["daily_checks"].add((result,), 0)
        self._count("purges", "Runs of the purge.", "result")
        for result in ("ok", "in_part", "error"):
            self._counts["purges"].add((result,), 0)
        self._count("purged_rows", "Rows purged, or whose numbers were cut.", "chore")
        self._count("webhooks", "Requests to the webhook, by result.", "result")
        self._count("payment_events", "Payment events processed, by state.", "state")
        self._count("gateway_outages", "Times that the payment gateway could not be reached.")
        self._count("subscription_drifts", "Subscriptions that had changed without an event.")
        self._count("meter_events", "Meter events that reached a final state, by state.", "state")
        self._count("meter_outages", "Times that usage could not be sent for a while.")
        self._count("usage_invoices", "Invoices of usage that were finalized and sent.")
        self._count("usage_requests", "Units reported by other programs, by result.", "result")
        self._count("payment_alerts", "Payment problems that need a person.")
        self._count("statements", "Statements saved: final ones, and interim copies.", "kind")
        self._count("statement_waits", "Times that a PBX delayed final statements.")
        self._count("statement_failures", "Final statements that could not be made.")
        self._count("billing_cycles", "Billing cycles that a paid invoice opened.")
        self._count(
            "store_failures",
            "Times that the store began to fail, or failed anew for another reason.",
        )
        self._count("task_failures", "Faults of background tasks, each tried again.", "task")


_WITHOUT_VERDICT = frozenset({"silent", "refused_peer", "surplus"})

_Rule = tuple[str, Callable[[Any, TenantLabels], tuple[str, ...]]]

_RULES: Mapping[type, _Rule] = {
    Corrected: ("reconcile_corrections", lambda fact, _: (fact.pbx, fact.kind)),
    ConfigReloaded: ("config_reloads", lambda fact, _: ("error" if fact.error else "ok",)),
    LinkDown: ("ami_disconnects", lambda fact, _: (fact.pbx,)),
    LinkRetryFailed: ("ami_faults", lambda fact, _: (fact.pbx, "retry_failed")),
    RightsExceeded: ("ami_faults", lambda fact, _: (fact.pbx, "excess_rights")),
    Stale: ("ami_stale", lambda fact, _: (fact.pbx,)),
    CutArmed: ("allowance_cuts", lambda fact, labels: (labels.of(fact.tenant), "armed")),
    WouldCut: ("allowance_cuts", lambda fact, labels: (labels.of(fact.tenant), "would_cut")),
    ClockDisagreed: ("clock_disagreements", lambda fact, _: (fact.key.pbx,)),
    JournalDisagreed: ("journal_disagreements", lambda fact, _: (fact.key.pbx,)),
    JournalUnreadable: ("journal_unreadable", lambda fact, _: (fact.pbx,)),
    SlotReleased: ("slots_released", lambda _fact, _: ()),
    AccountsChanged: ("accounts_changes", lambda _fact, _: ()),
    StatusChanged: ("standing_changes", lambda fact, _: (fact.after.value,)),
    DailyCheckDone: ("daily_checks", lambda _fact, _: ("ok",)),
    DailyCheckFailed: ("daily_checks", lambda _fact, _: ("error",)),
    PurgeFailed: ("purges", lambda _fact, _: ("error",)),
    WebhookReceived: ("webhooks", lambda fact, _: (fact.result.value,)),
    EventTaken: ("payment_events", lambda fact, _: (fact.state.value,)),
    GatewayAway: ("gateway_outages", lambda _fact, _: ()),
    Drifted: ("subscription_drifts", lambda _fact, _: ()),
    PaymentAlert: ("payment_alerts", lambda _fact, _: ()),
    UsageSent: ("meter_events", lambda fact, _: (fact.state.value,)),
    InvoiceIssued: ("usage_invoices", lambda _fact, _: ()),
    UsageReceived: ("usage_requests", lambda fact, _: (fact.result.value,)),
    UsageDelayed: ("meter_outages", lambda _fact, _: ()),
    StatementSaved: ("statements", lambda fact, _: ("interim" if fact.number else "final",)),
    StatementsWait: ("statement_waits", lambda _fact, _: ()),
    StatementFailed: ("statement_failures", lambda _fact, _: ()),
    CycleOpened: ("billing_cycles", lambda _fact, _: ()),
    StoreFailing: ("store_failures", lambda _fact, _: ()),
    TaskFailed: ("task_failures", lambda fact, _: (fact.task,)),
}

"""Lines and counters of facts about plans and tenants."""

from __future__ import annotations

from pbxbilling.accounts.facts import AccountsChanged, StatusChanged
from pbxbilling.telemetry.facts.counts import CounterSpec
from pbxbilling.telemetry.facts.line import INFO
from pbxbilling.telemetry.facts.row import Row, counted, plain, tallied

ROWS = (
    Row(
        AccountsChanged,
        line=plain(
            INFO,
            "accounts changed",
            lambda fact: {"actor": fact.actor, "action": fact.action, "subject": fact.subject},
        ),
        counter=tallied("accounts_changes", "Changes to plans and tenants."),
    ),
    Row(
        StatusChanged,
        line=plain(
            INFO,
            "standing changed",
            lambda fact: {
                "tenant": fact.tenant,
                "before": fact.before,
                "after": fact.after,
                "turn": fact.transition,
                "actor": fact.actor,
                "subscription": fact.subscription,
            },
        ),
        counter=counted(
            CounterSpec(
                "standing_changes",
                "Changes of a tenant's status, by the new one.",
                ("status",),
            ),
            lambda fact, _: (fact.after.value,),
        ),
    ),
)

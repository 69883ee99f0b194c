"""Counters of facts, hook sessions and faults on links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from prometheus_client.core import Metric

from pbxbilling.billing.figures import FiguresTaken
from pbxbilling.kernel.facts import Fact
from pbxbilling.telemetry.facts.counts import CounterSpec, Counts, Spread, TenantLabels
from pbxbilling.telemetry.facts.rows.pbxes import AMI_FAULTS
from pbxbilling.telemetry.facts.table import ROWS, counters_of_facts

TENANT_LABELS = 500  # at some ten series each; later tenants share `_other`

_VERDICT_BOUNDS = (
    *(0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.3, 1.0),
)
_WITHOUT_VERDICT = frozenset({"silent", "refused_peer", "surplus"})

# Of hook sessions; those of facts are in `rows/`.
_SESSIONS: Final = CounterSpec("agi_sessions", "Hook sessions by their ending.", ("ending",))
_REJECTED: Final = CounterSpec(
    "agi_rejected_commands", "Verdicts that Asterisk did not accept, by code.", ("code",)
)
_FAILURES: Final = CounterSpec(
    "agi_judge_failures", "Hooks answered by policy because judging them failed.", ()
)
_TURNED_AWAY: Final = CounterSpec(
    "http_turned_away",
    "Connections and requests of the public HTTP beyond what is served at a time, by kind.",
    ("what",),
)


class Counters:
    """Counts facts, hook sessions and faults on links.

    `sink` is an EventSink; `HookWatch` and `LinkWatch` call the other methods.
    """

    def __init__(self, tenant_labels: int = TENANT_LABELS) -> None:
        specs: list[CounterSpec[Any]] = [
            *(_SESSIONS, _REJECTED, _FAILURES, _TURNED_AWAY),
            *counters_of_facts(),
        ]
        self._counts = Counts(specs, tenant_labels)
        self._rules: dict[type, Callable[[Any, Counts], None] | None] = {
            row.fact: row.counter.rule if row.counter is not None else None for row in ROWS
        }
        self._verdicts = Spread(
            "pbxbilling_admission_seconds",
            "Time from the accept of a hook's connection to its verdict.",
            _VERDICT_BOUNDS,
        )

    @property
    def labels(self) -> TenantLabels:
        """The tenants with a label of their own."""
        return self._counts.tenants

    @property
    def figures(self) -> FiguresTaken | None:
        """The latest business figures; None before the first."""
        return self._counts.figures

    def sink(self, fact: Fact) -> None:
        """Count one fact. Never raises, never waits."""
        rule = self._rules[type(fact)]
        if rule is not None:
            rule(fact, self._counts)

    def session_ended(self, ending: str, seconds: float) -> None:
        """Count a hook session that ended; `seconds` to its verdict, or to its end without one."""
        self._counts.add(_SESSIONS, (ending,))
        if ending not in _WITHOUT_VERDICT:
            self._verdicts.observe(seconds)

    def judge_failed(self) -> None:
        """Count a hook that could not be judged and was answered by policy."""
        self._counts.add(_FAILURES, ())

    def command_rejected(self, code: int) -> None:
        """Count a verdict that Asterisk rejected."""
        self._counts.add(_REJECTED, (str(code),))

    def turned_away(self, what: str) -> None:
        """Count a connection that made room, or a request that got 503."""
        self._counts.add(_TURNED_AWAY, (what,))

    def link_event(self, pbx: str, kind: str, amount: int = 1) -> None:
        """Count faults on a PBX's link: `login_failed`, `unmapped`, …"""
        self._counts.add(AMI_FAULTS, (pbx, kind), amount)

    def families(self) -> list[Metric]:
        """Return the metric families for a scrape."""
        return [self._verdicts.family(), *self._counts.families()]

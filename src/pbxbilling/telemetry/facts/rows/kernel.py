"""Lines and counters of facts about the daemon itself."""

from __future__ import annotations

from pbxbilling.kernel.facts import ConfigReloaded, StoreFailing, StoreRecovered, TaskFailed
from pbxbilling.telemetry.facts.counts import CounterSpec
from pbxbilling.telemetry.facts.line import ERROR, INFO, Line, Mask
from pbxbilling.telemetry.facts.row import NO_COUNTER, Row, counted, plain, tallied


def _config_reloaded(fact: ConfigReloaded, mask: Mask) -> Line:  # noqa: ARG001
    if fact.error is not None:
        fields = {"mode": fact.mode, "error": fact.error}
        return Line(ERROR, "config rejected: the last good one stays in force", fields)
    return Line(INFO, "config reloaded", {"mode": fact.mode})


ROWS = (
    Row(
        ConfigReloaded,
        line=_config_reloaded,
        counter=counted(
            CounterSpec(
                "config_reloads",
                "Reloads of the configuration.",
                ("result",),
                starts=(("ok",), ("error",)),
            ),
            lambda fact, _: ("error" if fact.error else "ok",),
        ),
    ),
    Row(
        TaskFailed,
        line=plain(
            ERROR,
            "task failed: calls go on, it is tried again",
            lambda fact: {"task": fact.task, "error": fact.error},
        ),
        counter=counted(
            CounterSpec(
                "task_failures", "Faults of background tasks, each tried again.", ("task",)
            ),
            lambda fact, _: (fact.task,),
        ),
    ),
    Row(
        StoreFailing,
        line=plain(
            ERROR,
            "store failing: records wait in memory",
            lambda fact: {"error": fact.error, "pending": fact.pending},
        ),
        counter=tallied(
            "store_failures",
            "Times that the store began to fail, or failed anew for another reason.",
        ),
    ),
    Row(
        StoreRecovered,
        line=plain(INFO, "store recovered", lambda fact: {"written": fact.written}),
        counter=NO_COUNTER,
    ),
)

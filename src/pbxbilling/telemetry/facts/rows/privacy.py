"""Lines and counters of facts about the purge."""

from __future__ import annotations

from typing import Any, Final

from pbxbilling.privacy.retention import Purged, PurgeFailed
from pbxbilling.telemetry.facts.counts import CounterSpec, Counts
from pbxbilling.telemetry.facts.line import ERROR, INFO, Line, Mask
from pbxbilling.telemetry.facts.row import Row, counted, counted_by, plain

_PURGES: Final = CounterSpec(
    "purges", "Runs of the purge.", ("result",), starts=(("ok",), ("in_part",), ("error",))
)
_PURGED_ROWS: Final = CounterSpec(
    "purged_rows", "Rows purged, or whose numbers were cut.", ("chore",)
)


def _purged(fact: Purged, mask: Mask) -> Line:  # noqa: ARG001
    rows: dict[str, Any] = {chore.value: rows for chore, rows in fact.rows.items() if rows}
    if fact.complete:
        return Line(INFO, "purged: what had been kept for its time", rows)
    return Line(INFO, "purged in part: the nightly purge goes on", rows)


def _count_purged(fact: Purged, counts: Counts) -> None:
    counts.add(_PURGES, ("ok" if fact.complete else "in_part",))
    for chore, rows in fact.rows.items():
        counts.add(_PURGED_ROWS, (chore,), rows)


ROWS = (
    Row(Purged, line=_purged, counter=counted_by(_count_purged, _PURGES, _PURGED_ROWS)),
    Row(
        PurgeFailed,
        line=plain(
            ERROR, "purge failed: it goes on in a minute", lambda fact: {"error": fact.error}
        ),
        counter=counted(_PURGES, lambda _fact, _: ("error",)),
    ),
)

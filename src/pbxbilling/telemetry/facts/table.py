"""The table of all facts: one row each, from the file of its subject in `rows/`."""

from __future__ import annotations

from typing import Any, Final

from pbxbilling.telemetry.facts.counts import CounterSpec
from pbxbilling.telemetry.facts.row import Row
from pbxbilling.telemetry.facts.rows import (
    accounts,
    billing,
    calls,
    identity,
    kernel,
    payments,
    pbxes,
    privacy,
    subscriptions,
)

# Every fact has a row (tests/unit/telemetry/facts/test_table.py). In the files themselves `ROWS`
# has no annotation, so that mypy infers the fact of each row and checks what the row reads of it.
ROWS: tuple[Row[Any], ...] = (
    *calls.ROWS,
    *pbxes.ROWS,
    *kernel.ROWS,
    *accounts.ROWS,
    *subscriptions.ROWS,
    *payments.ROWS,
    *billing.ROWS,
    *privacy.ROWS,
    *identity.ROWS,
)
TABLE: Final[dict[type, Row[Any]]] = {row.fact: row for row in ROWS}


def counters_of_facts() -> list[CounterSpec[Any]]:
    """Return the counters that facts add to, each once."""
    used = (row.counter.specs for row in ROWS if row.counter is not None)
    return list(dict.fromkeys(spec for specs in used for spec in specs))

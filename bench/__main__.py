"""Run every row of the table, print it, and write it down: `python -m bench [ROW …]`."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import ami_tracking, hook, store_rows
from bench.measure import PAIRS, Row

ROWS: Mapping[str, Callable[[], Row]] = {
    "hook": hook.measure,
    "ami": ami_tracking.measure,
    "store": store_rows.measure,
}
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

_HEAD = """\
# Performance

Written by `make bench`; do not edit. Every row compares what pbxbilling does with the least that
could do the same, in alternating pairs on one machine: the ratio of each pair, then the median and
the quartiles of {pairs} pairs. Ratios travel from machine to machine, the absolutes do not.

Taken {when} on {machine}, Python {python}, Linux {kernel}.

| what | pbxbilling | counterpart | unit | ratio (quartiles) | limit |
|---|---|---|---|---|---|
"""


def cells(row: Row) -> tuple[str, ...]:
    """A row as the text of its columns."""
    ratio = f"{row.ratio_median:.2f} ({row.q1:.2f} to {row.q3:.2f})"
    limit = "" if row.limit is None else f"{row.limit:.2f}"
    return row.name, f"{row.ours:.1f}", f"{row.counterpart:.1f}", row.unit, ratio, limit


def machine() -> str:
    """Cores and name of the processor, as far as the system tells."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{len(models)} cores of {models[0]}" if models else platform.machine()


def page(rows: Mapping[str, Row]) -> str:
    """The page with its table and, below, how each row was taken: its module's own words."""
    head = _HEAD.format(
        pairs=PAIRS,
        when=datetime.now(UTC).date(),
        machine=machine(),
        python=platform.python_version(),
        kernel=platform.release(),
    )
    table = "".join(f"| {' | '.join(cells(row))} |\n" for row in rows.values())
    notes = "".join(
        f"\n**{row.name}.** {sys.modules[ROWS[key].__module__].__doc__}"
        for key, row in rows.items()
    )
    return head + table + notes


def show(rows: Mapping[str, Row]) -> None:
    """The table on the terminal; a row beyond its limit in red."""
    table = Table("what", "pbxbilling", "counterpart", "unit", "ratio (quartiles)", "limit")
    for row in rows.values():
        table.add_row(*cells(row), style="" if row.held else "red")
    Console().print(table)


def main() -> int:
    """Exit status 1 where a row is beyond its limit. Only a whole run is written down."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all")
    chosen = parser.parse_args().rows or list(ROWS)
    if unknown := set(chosen) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    rows = {key: ROWS[key]() for key in chosen}
    show(rows)
    if set(chosen) == set(ROWS):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(rows))
    return 0 if all(row.held for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

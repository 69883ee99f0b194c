"""Take every measurement, print the table, write it down: `python -m bench [NAME …]`."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import (
    account_files,
    ami_tracking,
    growth,
    hook,
    invite,
    latency,
    month_end,
    store_rows,
    usage,
    webhook,
)
from bench.measure import BROKEN, PAIRS, Row
from pbxbilling.runtime.compiled import is_compiled

Taken = Mapping[str, Sequence[Row]]
MEASUREMENTS: Mapping[str, Callable[[], Sequence[Row]]] = {
    "hook": hook.measure,
    "ami": ami_tracking.measure,
    "latency": latency.measure,
    "growth": growth.measure,
    "files": account_files.measure,
    "month": month_end.measure,
    "store": store_rows.measure,
    "invite": invite.measure,
    "webhook": webhook.measure,
    "usage": usage.measure,
}
PAGE = Path(__file__).parent.parent / "docs" / "reference" / "performance.md"

_HEAD = """\
# Performance

Written by `make bench`; do not edit. Every row compares what pbxbilling does with the least that
could do the same, in alternating pairs on one machine: the ratio of each pair, then the median and
the quartiles of {pairs} pairs. Ratios travel from machine to machine, the absolutes do not. A limit
is missed where the lower quartile is beyond it too; a row without one is there to know.

Taken {when} on {machine}, Python {python} with {core} core,
Linux {kernel}.

"""
_COLUMNS = ("what", "pbxbilling", "counterpart", "unit", "ratio (quartiles)", "limit", "")


def cells(row: Row) -> tuple[str, ...]:
    """Return the text of a row's columns."""
    ratio = f"{row.ratio_median:.2f} ({row.q1:.2f} to {row.q3:.2f})"
    limit = "" if row.limit is None else f"{row.limit:.2f}"
    if row.within is not None:
        limit += f", or {row.within:g} {row.unit} more"
    return (
        row.name,
        f"{row.ours:.1f}",
        f"{row.counterpart:.1f}",
        row.unit,
        ratio,
        limit,
        verdict(row),
    )


def verdict(row: Row) -> str:
    """Return whether the row meets its limit, as text."""
    if row.limit is None:
        return ""
    return "kept" if row.held else "missed"


def machine() -> str:
    """Return the number of cores and the processor's model, as far as the system reports them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{len(models)} cores of {models[0]}" if models else platform.machine()


def page(taken: Taken) -> str:
    """Return the page: the table, then each measurement's method from its module docstring."""
    head = _HEAD.format(
        pairs=PAIRS,
        when=datetime.now(UTC).date(),
        machine=machine(),
        python=platform.python_version(),
        core="a compiled" if is_compiled() else "an interpreted",
        kernel=platform.release(),
    )
    rows = chain.from_iterable(taken.values())
    table = "".join(f"| {' | '.join(cells(row))} |\n" for row in rows)
    words = (sys.modules[MEASUREMENTS[key].__module__].__doc__ for key in taken)
    columns = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|\n"
    return head + columns + table + "".join(f"\n## {text}" for text in words)


def show(taken: Taken) -> None:
    """Print the table on the terminal, with rows beyond their limit in red."""
    table = Table(*_COLUMNS)
    for row in chain.from_iterable(taken.values()):
        table.add_row(*cells(row), style="" if row.held else "red")
    Console().print(table)


def main() -> int:
    """Return 1 where a row misses its limit or is missing. Only a complete run writes the page."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(MEASUREMENTS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {names}; all by default")
    chosen = parser.parse_args().names or list(MEASUREMENTS)
    if unknown := set(chosen) - set(MEASUREMENTS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}; there are {names}")
    taken: dict[str, Sequence[Row]] = {}
    for key in chosen:
        try:
            taken[key] = MEASUREMENTS[key]()
        except BROKEN as broken:  # the other measurements are still worth their time
            print(f"{key}: {broken!r}", file=sys.stderr)
    show(taken)
    if set(taken) == set(MEASUREMENTS):
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(taken))
    held = all(row.held for row in chain.from_iterable(taken.values()))
    return 0 if held and set(taken) == set(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())

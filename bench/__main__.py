"""Take every measurement, print the table, write it down: `python -m bench [NAME …]`."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    account_files,
    ami_tracking,
    growth,
    hook,
    invite,
    latency,
    month_end,
    postgres,
    printed,
    store_rows,
    usage,
    webhook,
)
from bench.measure import BROKEN, PAIRS, Row, SideTable
from pbxbilling.runtime.compiled import is_compiled

Found = Sequence[Row | SideTable]
MEASUREMENTS: Mapping[str, Callable[[], Found]] = {
    "hook": hook.measure,
    "ami": ami_tracking.measure,
    "latency": latency.measure,
    "growth": growth.measure,
    "files": account_files.measure,
    "month": month_end.measure,
    "store": store_rows.measure,
    "postgres": postgres.measure,
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


def machine() -> str:
    """Return the number of cores and the processor's model, as far as the system reports them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{len(models)} cores of {models[0]}" if models else platform.machine()


def page(taken: Mapping[str, Found]) -> str:
    """Return the page: the table, then each measurement's method from its module docstring."""
    head = _HEAD.format(
        pairs=PAIRS,
        when=datetime.now(UTC).date(),
        machine=machine(),
        python=platform.python_version(),
        core="a compiled" if is_compiled() else "an interpreted",
        kernel=platform.release(),
    )
    methods = (_method(key, found) for key, found in taken.items())
    return head + printed.markdown(rows_of(taken)) + "".join(methods)


def _method(key: str, found: Found) -> str:
    """Return a measurement's part of the page: its method, and its tables of several sides."""
    text = sys.modules[MEASUREMENTS[key].__module__].__doc__
    return f"\n## {text}" + "".join(
        f"\n**{table.title}**\n\n{printed.side_markdown(table)}" for table in sides_of(found)
    )


def rows_of(taken: Mapping[str, Found]) -> list[Row]:
    """Return the rows of the table."""
    return [one for found in taken.values() for one in found if isinstance(one, Row)]


def sides_of(found: Found) -> list[SideTable]:
    """Return a measurement's tables of several sides."""
    return [one for one in found if isinstance(one, SideTable)]


def main() -> int:
    """Return 1 where a row misses its limit or is missing. Only a complete run writes the page."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(MEASUREMENTS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {names}; all by default")
    chosen = parser.parse_args().names or list(MEASUREMENTS)
    if unknown := set(chosen) - set(MEASUREMENTS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}; there are {names}")
    taken: dict[str, Found] = {}
    for key in chosen:
        try:
            taken[key] = MEASUREMENTS[key]()
        except BROKEN as broken:  # the other measurements are still worth their time
            print(f"{key}: {broken!r}", file=sys.stderr)
    printed.show(rows_of(taken), [one for found in taken.values() for one in sides_of(found)])
    if set(taken) == set(MEASUREMENTS):
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(taken))
    held = all(row.held for row in rows_of(taken))
    return 0 if held and set(taken) == set(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())

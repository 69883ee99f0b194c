"""Take measurements, print their tables, write each down: `python -m bench [NAME …]`."""

from __future__ import annotations

import argparse
import platform
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    account_files,
    ami_tracking,
    api,
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
from bench.measure import PAIRS, Row, SideTable
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
    "api": api.measure,
}
PAGE = Path(__file__).parent.parent / "docs" / "reference" / "performance.md"

_HEAD = f"""\
# Performance

Written by `make bench`; do not edit. Every row compares what pbxbilling does with the least that
could do the same, in alternating pairs on one machine: the ratio of each pair, then the median and
the quartiles of {PAIRS} pairs. Ratios travel from machine to machine, the absolutes do not. A limit
is missed where the lower quartile is beyond it too; a row without one is there to know.
"""
_PART = "\n## "
_PAGE_WIDTH = 100


def machine() -> str:
    """Return the number of cores and the processor's model, as far as the system reports them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{len(models)} cores of {models[0]}" if models else platform.machine()


def part_of(key: str, found: Found) -> str:
    """Return a measurement's part of the page: when it was taken, its tables and its method."""
    core = "a compiled" if is_compiled() else "an interpreted"
    taken = (
        f"Taken {datetime.now(UTC).date()} on {machine()}, Python {platform.python_version()} with"
        f" {core} core, Linux {platform.release()}."
    )
    method = _text(key).removeprefix(_title(key))
    tables = [printed.markdown(rows_of(found))] if rows_of(found) else []
    tables += [f"**{one.title}**\n\n{printed.side_markdown(one)}" for one in sides_of(found)]
    lines = textwrap.wrap(taken, _PAGE_WIDTH, break_on_hyphens=False)
    return "\n".join([f"{_PART}{_title(key)}", "", *lines, "", *tables, method.strip(), ""])


def page(parts: Mapping[str, str], before: str) -> str:
    """Return the page of `before` with these parts in the place of their older ones."""
    older = {text.partition("\n")[0]: _PART + text for text in before.split(_PART)[1:]}
    all_parts = (parts.get(key) or older.get(_title(key)) for key in MEASUREMENTS)
    return _HEAD + "".join(part.rstrip("\n") + "\n" for part in all_parts if part)


def _text(key: str) -> str:
    """Return a measurement's method, from the docstring of its module."""
    return sys.modules[MEASUREMENTS[key].__module__].__doc__ or key


def _title(key: str) -> str:
    """Return the heading of its part of the page: the first line of the method."""
    return _text(key).partition("\n")[0]


def rows_of(found: Found) -> list[Row]:
    """Return the rows of a measurement's table."""
    return [one for one in found if isinstance(one, Row)]


def sides_of(found: Found) -> list[SideTable]:
    """Return a measurement's tables of several sides."""
    return [one for one in found if isinstance(one, SideTable)]


def main() -> int:
    """Return 1 where a row misses its limit or is missing."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(MEASUREMENTS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {names}; all by default")
    chosen = parser.parse_args().names or list(MEASUREMENTS)
    if unknown := set(chosen) - set(MEASUREMENTS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}; there are {names}")
    failed = [line for key in chosen for line in _taken(key)]
    print("\n".join(failed) or "All limits are kept.", file=sys.stderr)
    return 1 if failed else 0


def _taken(key: str) -> Iterator[str]:
    """Take one measurement, print it and write it down; yield what is wrong with it."""
    try:
        found = MEASUREMENTS[key]()
    except Exception:  # noqa: BLE001 - the other measurements are still worth their time
        traceback.print_exc()
        yield f"{key}: not taken"
        return
    rows = rows_of(found)
    printed.show(rows, sides_of(found))
    before = PAGE.read_text() if PAGE.exists() else ""
    PAGE.write_text(page({key: part_of(key, found)}, before))
    yield from (f"{key}: missed: {row.name}" for row in rows if not row.held)


if __name__ == "__main__":
    sys.exit(main())

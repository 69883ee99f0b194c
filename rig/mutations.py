"""Ten ways to break what matters most, each with the tests that must fail.

A mutation finds its code by its text, so that it follows a file that moves. `python -m
rig.mutations` applies each in turn to a copy of the sources, and reports whether every named
test fails there; `make soak` does the same.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "src"
TESTS = ("tests/unit", "tests/contract")


@dataclass(frozen=True, slots=True)
class Mutation:
    """Replace `before`, which occurs once in the sources, by `after`: the tests `seen_by` fail."""

    name: str
    before: str
    after: str
    seen_by: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "last slot",
        "    if cap is not None and used >= cap:\n",
        "    if cap is not None and used > cap:\n",
        (
            "test_a_refused_channel_and_its_legs_never_count",
            "test_a_stale_pbx_refuses_no_call_and_the_other_is_judged_by_its_own_counts",
        ),
    ),
    Mutation(
        "emergency",
        "        if self._in_force.policy.is_emergency(hook.request.number, hook.direction):\n",
        "        if not hook.request:\n",
        (
            "test_an_emergency_passes_every_limit_and_is_flagged",
            "test_calls_that_are_joined_are_no_emergency_but_its_leg",
        ),
    ),
    Mutation(
        "log mode",
        "    if mode is Mode.LOG:\n        return Decision(Outcome.WOULD_REFUSE,",
        "    if mode is Mode.LOG:\n        return Decision(Outcome.REFUSE,",
        (
            "test_log_mode_never_refuses",
            "test_without_enforcement_nobody_is_refused",
        ),
    ),
    Mutation(
        "earlier end",
        "        early_us = self._early_us(leg, known)\n",
        "        early_us = 0\n",
        (
            "test_of_two_witnessed_ends_the_earlier_counts",
            "test_a_little_earlier_counts_where_it_is_charged",
        ),
    ),
    Mutation(
        "outbox claim",
        "            await transaction.write([move for _, move in taken], facts)\n",
        "",
        (
            "test_a_lost_answer_within_a_day_is_asked_for_again",
            "test_after_a_day_the_meters_sum_says_whether_it_arrived",
        ),
    ),
    Mutation(
        "statement cursor",
        "Cursor(cursor_of(saved.tenant), saved.ends)",
        "Cursor(cursor_of(saved.tenant), at)",
        ("test_after_a_downtime_every_period_is_closed_in_order",),
    ),
    Mutation(
        "webhook signature",
        "        if not any(_signed(body, signature, secret) for secret in self._secrets):\n",
        "        if not self._secrets:\n",
        ("test_a_body_that_is_not_the_one_signed_is_refused",),
    ),
    Mutation(
        "allowance",
        "            left -= sum(talking_s(leg, mono) for leg in drawing.legs)\n",
        "            left -= 0.0\n",
        (
            "test_a_leg_that_lives_into_the_next_period_has_that_ones_minutes",
            "test_a_leg_that_outlives_its_cut_is_ordered_to_end_again",
        ),
    ),
    Mutation(
        "cut",
        "        in_s = max(0.0, left) / len(drawing.legs)\n",
        "        in_s = max(0.0, left)\n",
        ("test_live_legs_share_what_is_left_of_a_hard_allowance",),
    ),
    Mutation(
        "reconcile",
        "            if channel.misses >= MISSES or ending:\n",
        "            if channel.misses or ending:\n",
        ("test_two_complete_snapshots_without_a_channel_close_it_and_mark_the_end",),
    ),
)


def home_of(mutation: Mutation, sources: Path = SOURCES) -> Path:
    """Return the one file that contains `before`. Raises LookupError where none or several do."""
    found = [file for file in sources.rglob("*.py") if mutation.before in file.read_text()]
    if len(found) != 1 or found[0].read_text().count(mutation.before) != 1:
        msg = f"{mutation.name}: its text stands in {[str(file) for file in found]}, not once"
        raise LookupError(msg)
    return found[0]


def failing(mutation: Mutation) -> set[str]:
    """Return the names of the tests that fail: of those in `seen_by`, of all where it has none."""
    with tempfile.TemporaryDirectory() as place:
        sources = Path(place, "src")
        shutil.copytree(SOURCES, sources)
        home = home_of(mutation, sources)
        home.write_text(home.read_text().replace(mutation.before, mutation.after))
        wanted = ["-k", " or ".join(mutation.seen_by)] if mutation.seen_by else []
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", *TESTS, "-q", "-p", "no:cacheprovider", *wanted],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(sources)},
            capture_output=True,
            text=True,
            check=False,
        )
    return set(re.findall(r"^FAILED \S*::(\w+)", ran.stdout, re.MULTILINE))


def main() -> int:
    """Print each mutation with the tests that fail; return 1 where a named test passes."""
    missed = False
    for mutation in MUTATIONS:
        seen = failing(mutation)
        unseen = set(mutation.seen_by) - seen
        missed |= bool(unseen or not seen)
        print(
            f"{mutation.name}: {'NOT ' * bool(unseen or not seen)}seen by {sorted(unseen or seen)}"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

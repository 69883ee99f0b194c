"""INVITE to 486 on a real Asterisk 22: the daemon against a null hook.

SIPp calls from one tenant through the shipped subroutine: rounds of 5 s with 200 calls a second,
and a few of 20 s with 500. Asterisk sends no client Newexten or VarSet, as is advised for so many
calls (docs/decisions/0012-more-calls-than-fit.md). Ours is the whole daemon in enforce mode, and
the tenant may have no call at all (max_calls = 0). The counterpart is a FastAGI server that answers
a constant refusal at the blank line. Both run all the time, and a global of the dialplan selects
the one to ask; the daemon's AMI link also receives the counterpart's calls, so that Asterisk and
the machine carry the same load in both halves of a pair. The times are those of SIPp's message log,
in microseconds, from an INVITE to its final answer.

Every call of every round gets its 486 and nothing is sent or received twice, or the row is an
error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.hook import server_process
from bench.measure import PAIRS, BrokenRoundError, Row, Times, alternating, row
from rig import provision, sipp
from rig.asterisk import Asterisk
from rig.settings import Settings
from rig.site import claimed_block
from tests.support.daemon.daemon import Daemon

LIMIT = 1.5
WITHIN_MS = 2.0
ACCOUNTS = """
[plan.none]
max_calls = 0
[tenant.acme]
plan = "none"
accountcodes = ["acme"]
"""


class Load(NamedTuple):
    """The number of calls, their rate, and the number of pairs of rounds."""

    calls: int
    per_s: int
    pairs: int


LOADS = (Load(1000, 200, PAIRS), Load(10_000, 500, 3))


class Rounds:
    """Rounds of refused calls on one Asterisk."""

    def __init__(self, asterisk: Asterisk, directory: Path, load: Load) -> None:
        self._asterisk = asterisk
        self._directory = directory
        self._calls, self._per_s, _ = load
        self._numbers = count(1)

    def trial(self, hook: str) -> Callable[[], Times]:
        """Return a trial that asks the hook at this address."""

        def run() -> Times:
            self._asterisk.set_global("PBXBILLING_HOOK", hook)
            number = next(self._numbers)
            return self._round(self._directory / f"{self._per_s}-a-second-{number}")

        return run

    def _round(self, directory: Path) -> Times:
        block = self._asterisk.block
        with sipp.call(
            directory,
            block.pbx,
            block.phone("acme"),
            "0155501",
            count=self._calls,
            per_s=self._per_s,
            timed=True,
        ) as calls:
            finals = calls.finish()
            answer_ms, again = calls.timing()
        if finals != {486: self._calls} or again:
            raise BrokenRoundError(
                f"{directory.name}: of {self._calls} calls, finals {dict(finals)}, {again} messages"
                " sent again; is the machine too busy?"
            )
        return Times.of(answer_ms)


def measure(loads: Sequence[Load] = LOADS) -> list[Row]:
    """Return the rows of the table: median and 99th percentile of each load."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        null = stack.enter_context(server_process("refusals"))
        block = stack.enter_context(claimed_block())
        what = Settings(log="notice,warning,error", disabled_events="Newexten,VarSet")
        asterisk = stack.enter_context(
            Asterisk(provision.ASTERISK_22, directory / "asterisk", block, what)
        )
        daemon = stack.enter_context(Daemon(asterisk, directory))
        daemon.apply(ACCOUNTS)
        hook, other = daemon.hook, f"127.0.0.1:{null.port}"
        rounds = [(load, Rounds(asterisk, directory, load)) for load in loads]
        taken = [
            (load, alternating(some.trial(hook), some.trial(other), load.pairs))
            for load, some in rounds
        ]
    return [_row(load, which, samples) for load, samples in taken for which in Times._fields]


def _row(load: Load, which: str, samples: list[tuple[Times, Times]]) -> Row:
    return row(
        f"INVITE to 486 at {load.per_s}/s, {which}",
        [(getattr(ours, which), getattr(theirs, which)) for ours, theirs in samples],
        unit="ms",
        limit=LIMIT,
        within=WITHIN_MS,
    )

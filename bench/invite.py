"""INVITE to 486 on a real Asterisk 22: the daemon against a null hook.

SIPp calls from one tenant at 200 calls a second, through the shipped subroutine. Ours is the whole
daemon in enforce mode, and the tenant may have no call at all (max_calls = 0). The counterpart is a
FastAGI server that answers a constant refusal at the blank line. Both run all the time, and a
global of the dialplan says which one is asked; the daemon's AMI link hears the counterpart's calls
too, so that Asterisk and the machine carry the same in both halves of a pair. The times are those
of SIPp's message log, in microseconds, from an INVITE to its final answer.

Every call of every round gets its 486 and nothing is ever sent twice, or the row is an error.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.hook import server_process
from bench.measure import PAIRS, Row, alternating, row
from rig import provision, sipp
from rig.asterisk import Asterisk
from rig.settings import Settings
from rig.site import claimed_block
from tests.support.daemon import Daemon

CALLS = 1000
CALLS_A_SECOND = 200
LIMIT = 1.5
WITHIN_MS = 2.0
ACCOUNTS = """
[plan.none]
max_calls = 0
[tenant.acme]
plan = "none"
accountcodes = ["acme"]
"""


class Times(NamedTuple):
    """One round: milliseconds from INVITE to 486."""

    median: float
    p99: float


class BrokenRoundError(Exception):
    """A call of a round did not end as it must; nothing of the row can be believed."""


class Rounds:
    """Rounds of refused calls on one Asterisk."""

    def __init__(self, asterisk: Asterisk, directory: Path, calls: int) -> None:
        self._asterisk = asterisk
        self._directory = directory
        self._calls = calls
        self._numbers = count(1)

    def trial(self, hook: str) -> Callable[[], Times]:
        """A trial that asks the hook at this address."""

        def run() -> Times:
            self._asterisk.set_global("PBXBILLING_HOOK", hook)
            return self._round(self._directory / f"round-{next(self._numbers)}")

        return run

    def _round(self, directory: Path) -> Times:
        block = self._asterisk.block
        with sipp.call(
            directory,
            block.pbx,
            block.phone("acme"),
            "0155501",
            count=self._calls,
            per_s=CALLS_A_SECOND,
            timed=True,
        ) as calls:
            finals, again = calls.finish(), calls.retransmissions()
        if finals != {486: self._calls} or again:
            raise BrokenRoundError(
                f"{directory.name}: of {self._calls} calls, finals {dict(finals)}, {again} messages"
                " sent again; is the machine too busy?"
            )
        times = statistics.quantiles(calls.answer_ms(), n=100, method="inclusive")
        return Times(times[49], times[98])


def measure(calls: int = CALLS, pairs: int = PAIRS) -> list[Row]:
    """The rows of the table: median and 99th percentile."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        null = stack.enter_context(server_process("refusals"))
        block = stack.enter_context(claimed_block())
        what = Settings(log="notice,warning,error")
        asterisk = stack.enter_context(
            Asterisk(provision.ASTERISK_22, directory / "asterisk", block, what)
        )
        daemon = stack.enter_context(Daemon(asterisk, directory))
        daemon.apply(ACCOUNTS)
        rounds = Rounds(asterisk, directory, calls)
        samples = alternating(
            rounds.trial(daemon.hook), rounds.trial(f"127.0.0.1:{null.port}"), pairs
        )
    return [
        row(
            f"INVITE to 486, {which}",
            [(getattr(ours, which), getattr(theirs, which)) for ours, theirs in samples],
            unit="ms",
            limit=LIMIT,
            within=WITHIN_MS,
        )
        for which in Times._fields
    ]

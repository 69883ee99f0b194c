"""INVITE to 486 on a real Asterisk 22: pbxbilling beside what a site could do without it.

SIPp calls from one tenant, and every call is refused with 486. Five sides take turns, each with
every load: a bare `Hangup(17)`; Asterisk's own `GROUP_COUNT`, as people write it by hand; one plain
`AGI()` line and a FastAGI server that answers a constant refusal at the blank line (the null
server); the shipped subroutine with the null server; pbxbilling, which is the shipped subroutine
with the whole daemon in enforce mode, where the tenant may have no call at all (max_calls = 0).
Rounds have 200 calls a second for 5 s, and a few have 500 for 15 s.

All run on one Asterisk, which sends no client Newexten or VarSet, as is advised for so many calls
(docs/decisions/0012-more-calls-than-fit.md). Both servers run all the time, and the daemon's AMI
link receives the calls of every side, so that Asterisk and the machine carry the same load in all
of them. The times are those of SIPp's message log, in microseconds, from an INVITE to its final
answer; a share is that of all calls of all rounds. What is sent again is counted: INVITEs, and all
other messages of either side. Every call of every round gets its 486, or the row is an error.

What each part of the subroutine costs: docs/decisions/0023-what-the-subroutine-costs.md.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

from bench.hook import server_process
from bench.measure import (
    PAIRS,
    BrokenRoundError,
    Row,
    SideTable,
    Times,
    all_alternating,
    at_most,
    row,
)
from rig import provision, sipp
from rig.asterisk import Asterisk
from rig.settings import Settings
from rig.sippmessages import Timing
from rig.site import claimed_block
from tests.support.daemon.daemon import Daemon

HANGUP = "a bare Hangup(17)"
GROUP = "GROUP_COUNT by hand"
AGI = "one AGI() line, null server"
SUBROUTINE = "the subroutine, null server"
OURS = "pbxbilling"

LIMIT = 1.5
WITHIN_SUBROUTINE_MS = 2.0
SOON_MS = (1.0, 5.0)
COLUMNS = (
    "what refuses",
    "median, ms",
    "p99, ms",
    *(f"within {soon:g} ms" for soon in SOON_MS),
    "INVITEs again",
    "others again",
)
ACCOUNTS = """
[plan.none]
max_calls = 0
[tenant.acme]
plan = "none"
accountcodes = ["acme"]
"""
ASKING = "0155501"  # the rig's number plan asks the subroutine about it
SITE = """
exten => 7001,1,Hangup(17)
exten => 7002,1,Set(GROUP(calls)=acme)
 same => n,GotoIf($[${{GROUP_COUNT(acme@calls)}} > 0]?full)
 same => n,Dial(PJSIP/0155501@carrier)
 same => n(full),Hangup(17)
exten => 7003,1,AGI(agi://{null}/outbound)
 same => n,Hangup(17)
"""


class Load(NamedTuple):
    """The number of calls of a round, their rate, and the number of rounds of each side.

    Where `within_agi_ms` is given, our median is limited by that of the plain AGI() line.
    """

    calls: int
    per_s: int
    rounds: int
    within_agi_ms: float | None = None


LOADS = (Load(1000, 200, PAIRS, within_agi_ms=1.0), Load(7500, 500, 3))


class Answers(NamedTuple):
    """The answers of one round: times, shares within `SOON_MS`, and messages sent again."""

    times: Times
    soon: tuple[float, ...]
    invites_again: int
    others_again: int

    @classmethod
    def of(cls, timing: Timing) -> Self:
        """Summarise the message log of a round."""
        answer_ms = timing.answer_ms
        soon = (sum(ms <= limit for ms in answer_ms) / len(answer_ms) for limit in SOON_MS)
        again = timing.invites_again
        return cls(Times.of(answer_ms), tuple(soon), again, timing.again - again)


Taken = Sequence[dict[str, Answers]]  # the rounds of a load, side → its answers


class Rounds:
    """Rounds of refused calls on one Asterisk."""

    def __init__(self, asterisk: Asterisk, directory: Path, load: Load) -> None:
        self._asterisk = asterisk
        self._directory = directory
        self._calls, self._per_s = load.calls, load.per_s
        self._numbers = count(1)

    def trial(self, number: str, hook: str = "") -> Callable[[], Answers]:
        """Return a trial that calls this number, with this hook for the subroutine."""

        def run() -> Answers:
            if hook:
                self._asterisk.set_global("PBXBILLING_HOOK", hook)
            nth = next(self._numbers)
            return self._round(self._directory / f"{self._per_s}-a-second-{nth}", number)

        return run

    def _round(self, directory: Path, number: str) -> Answers:
        block = self._asterisk.block
        with sipp.call(
            directory,
            block.pbx,
            block.phone("acme"),
            number,
            count=self._calls,
            per_s=self._per_s,
            timed=True,
        ) as calls:
            finals = calls.finish()
            timing = calls.timing()
        if finals != {486: self._calls}:
            raise BrokenRoundError(
                f"{directory.name}: of {self._calls} calls, finals {dict(finals)}, {timing.again}"
                " messages sent again; is the machine too busy?"
            )
        return Answers.of(timing)


def measure(loads: Sequence[Load] = LOADS) -> list[Row | SideTable]:
    """Return the rows of the table, and a table of all sides for each load."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        null = f"127.0.0.1:{stack.enter_context(server_process('refusals')).port}"
        block = stack.enter_context(claimed_block())
        what = Settings(
            log="notice,warning,error",
            disabled_events="Newexten,VarSet",
            site=SITE.format(null=null),
        )
        asterisk = stack.enter_context(
            Asterisk(provision.ASTERISK_22, directory / "asterisk", block, what)
        )
        daemon = stack.enter_context(Daemon(asterisk, directory))
        daemon.apply(ACCOUNTS)
        return [
            result
            for load in loads
            for result in found(load, _taken(load, Rounds(asterisk, directory, load), daemon, null))
        ]


def _taken(load: Load, rounds: Rounds, daemon: Daemon, null: str) -> Taken:
    sides = {
        HANGUP: rounds.trial("7001"),
        GROUP: rounds.trial("7002"),
        AGI: rounds.trial("7003"),
        SUBROUTINE: rounds.trial(ASKING, null),
        OURS: rounds.trial(ASKING, daemon.hook),
    }
    return all_alternating(sides, load.rounds)


def found(load: Load, taken: Taken) -> list[Row | SideTable]:
    """Return what the rounds of a load say: rows of ours, and the table of all sides."""
    what = f"INVITE to 486 at {load.per_s}/s"
    agi, daemon = f"{what} against one AGI() line", f"{what}, daemon against null server"
    return [
        _against(AGI, f"{agi}, median", taken, "median", load.within_agi_ms),
        _against(AGI, f"{agi}, p99", taken, "p99", None),
        *(
            _against(SUBROUTINE, f"{daemon}, {which}", taken, which, WITHIN_SUBROUTINE_MS)
            for which in Times._fields
        ),
        at_most(f"{what}, sent again", sum(_again(taken, OURS)), 0, unit="messages"),
        SideTable(f"{what}, {load.rounds} rounds", COLUMNS, side_lines(taken)),
    ]


def _against(side: str, name: str, taken: Taken, which: str, within_ms: float | None) -> Row:
    return row(
        name,
        [(getattr(by[OURS].times, which), getattr(by[side].times, which)) for by in taken],
        unit="ms",
        limit=None if within_ms is None else LIMIT,
        within=within_ms,
    )


def _again(taken: Taken, side: str) -> tuple[int, int]:
    """Return how many INVITEs, and how many other messages, were sent again in all rounds."""
    answers = [by[side] for by in taken]
    return sum(one.invites_again for one in answers), sum(one.others_again for one in answers)


def side_lines(taken: Taken) -> tuple[tuple[str, ...], ...]:
    """Return the lines of the table of all sides: medians of the rounds, shares, sums."""

    def line(side: str) -> tuple[str, ...]:
        rounds = [by[side] for by in taken]
        times = (statistics.median(getattr(one.times, f) for one in rounds) for f in Times._fields)
        soon = (
            statistics.fmean(shares) for shares in zip(*(one.soon for one in rounds), strict=True)
        )
        return (
            side,
            *(f"{ms:.2f}" for ms in times),
            *(f"{share:.1%}" for share in soon),
            *map(str, _again(taken, side)),
        )

    return tuple(line(side) for side in taken[0])

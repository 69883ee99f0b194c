"""Every case of docs/reference/calls.md on a real Asterisk: calls, trunk legs, billed seconds."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rig import cases
from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.scene import Scene
from rig.waiting import patience_s, until
from tests.support.daemon.daemon import ACCOUNTS, Daemon

pytestmark = pytest.mark.asterisk

# Allowed difference of journal and ledger, on legs without an `h` extension.
AGREES_S = patience_s(0.1)

OUT, IN = "outbound", "inbound"


@dataclass(frozen=True)
class Case:
    """The expected ledger of a case.

    `during`: (calls, trunk legs) at its height, a tuple per look; `billed`: tenant and direction of
    each answered trunk leg.
    """

    play: Callable[[Scene], None]
    during: list[tuple[int, int]]
    billed: list[tuple[str, str]]
    owners: set[str] = field(default_factory=lambda: {"acme"})
    slow_end: bool = False


ACME_OUT, ACME_IN = ("acme", OUT), ("acme", IN)
GLOBEX_OUT, GLOBEX_IN = ("globex", OUT), ("globex", IN)
INITECH_OUT, INITECH_IN = ("initech", OUT), ("initech", IN)
BOTH = {"acme", "globex"}

CASES = [
    Case(cases.outbound_answered, [(1, 1)], [ACME_OUT]),
    Case(cases.outbound_hung_up_by_carrier, [(1, 1)], [GLOBEX_OUT], {"globex"}),
    Case(cases.outbound_given_up, [(1, 1)], []),
    Case(cases.outbound_busy, [], []),
    Case(cases.outbound_no_answer, [], []),
    Case(cases.outbound_slow_end, [(1, 1)], [ACME_OUT], slow_end=True),
    Case(cases.fork_of_three, [(1, 3), (1, 1)], [ACME_OUT]),
    Case(cases.local_kept, [(1, 1)], [ACME_OUT]),
    Case(cases.local_optimised, [(1, 1)], [ACME_OUT]),
    Case(cases.queue, [(1, 1), (1, 1)], [ACME_IN]),
    Case(cases.forward, [(1, 2)], [ACME_IN, ACME_OUT]),
    Case(cases.forward_in_dialplan, [(1, 2)], [ACME_IN, ACME_OUT]),
    Case(cases.blind_transfer, [(1, 1), (1, 1)], [ACME_OUT]),
    Case(
        cases.blind_transfer_outside,
        [(1, 1), (1, 2)],
        [GLOBEX_IN, GLOBEX_OUT],
        {"globex"},
    ),
    Case(cases.attended_transfer, [(2, 1), (1, 1)], [ACME_OUT]),
    Case(cases.attended_transfer_outside, [(2, 2), (1, 2)], [ACME_IN, ACME_OUT]),
    Case(cases.attended_transfer_by_code, [(1, 1), (1, 1), (1, 1)], [ACME_OUT]),
    Case(cases.park_and_retrieve, [(1, 1), (1, 1), (1, 1)], [ACME_OUT]),
    Case(cases.park_and_time_out, [(1, 1), (1, 1)], [ACME_OUT]),
    Case(cases.pickup, [(1, 1)], [ACME_IN]),
    Case(cases.conference, [(3, 2)], [ACME_IN, ACME_IN]),
    Case(cases.redirect_both, [(1, 1), (1, 2)], [ACME_OUT, ACME_OUT]),
    Case(cases.between_tenants, [(2, 0)], [], {"acme", "globex"}),
    Case(cases.unhooked, [(1, 1)], [ACME_OUT]),
]

MANY_WAYS = """
[plan.unlimited]
[tenant.acme]
plan = "unlimited"
accountcodes = ["acme"]
dids = ["+15550100"]
contexts = ["from-acme"]
[tenant.globex]
plan = "unlimited"
accountcodes = ["globex", "GLOBEX-7"]
[tenant.initech]
plan = "unlimited"
dids = ["+15550300"]
contexts = ["from-initech"]
"""
"""Tenants with more than one identifying mark, which can contradict each other."""

# The payer, where several tenants are possible, or none is named.
PAYERS = [
    Case(cases.forward_of_a_did, [(2, 1)], [INITECH_OUT], {"globex", "initech"}),
    Case(cases.forward_of_a_call_from_outside, [(1, 2)], [INITECH_IN, INITECH_OUT], {"initech"}),
    Case(cases.originate, [(1, 1)], [ACME_OUT]),
    Case(cases.originate_through_local, [(1, 1)], [ACME_OUT]),
    Case(cases.originate_through_local_unhooked, [(1, 1)], [ACME_OUT]),
]
PAYERS_OF_MANY_WAYS = [
    Case(cases.forward_between_tenants, [(2, 1)], [ACME_OUT], BOTH),
    Case(cases.forward_between_tenants_with_codes, [(2, 1)], [ACME_OUT], BOTH),
    Case(cases.forward_of_a_did_with_codes, [(2, 1)], [INITECH_OUT], {"globex", "initech"}),
    Case(cases.transfer_by_another_tenant, [(1, 0), (2, 1)], [ACME_OUT], {"acme", "initech"}),
    Case(cases.argument_is_an_account_code, [(1, 1)], [GLOBEX_OUT], {"globex"}),
    # one tenant's own, however its account code and its contexts are passed on
    Case(cases.local_kept, [(1, 1)], [ACME_OUT]),
    Case(cases.blind_transfer, [(1, 1), (1, 1)], [ACME_OUT]),
]


class Watched:
    """A case played beside a daemon, with the ledger's state at its height."""

    def __init__(self, asterisk: Asterisk, directory: Path) -> None:
        self.asterisk = asterisk
        self.directory = directory
        self.looks: list[list[dict[str, Any]]] = []

    def play(self, case: Case, accounts: str = ACCOUNTS) -> Daemon:
        """Play it to the end, until no channel is left."""
        before = self.asterisk.journal.stat().st_size if self.asterisk.journal.exists() else 0
        with Daemon(self.asterisk, self.directory) as daemon:
            daemon.apply(accounts)
            with Ami(self.asterisk.ami) as ami, ExitStack() as stack:
                look = lambda: self.looks.append(daemon.calls())  # noqa: E731
                case.play(Scene(self.asterisk, ami, stack, look))
                self.wait_over(ami, before)
            daemon.wait_idle()
        self.journal = self.legs_of_journal(before)
        return daemon

    def counts(self) -> list[tuple[int, int]]:
        """Return calls and trunk legs at every look."""
        return [
            (len(calls), sum(leg["trunk"] for call in calls for leg in call["legs"]))
            for calls in self.looks
        ]

    def wait_over(self, ami: Ami, since: int) -> None:
        """Return when no channel is left, and the journal has the hangup of each.

        Asterisk writes the journal a little later, on a busy machine long after.
        """
        self.asterisk.wait_idle()
        ami.channels()  # the answer follows the events before it
        begun = {event["Uniqueid"] for event in ami.events if event["Event"] == "Newchannel"}

        def all_ended() -> bool:
            return begun <= {row[2] for row in self._rows(since) if row[0] == "HANGUP"}

        until(all_ended, "the journal has every hangup")

    def _rows(self, since: int) -> list[list[str]]:
        with self.asterisk.journal.open("rb") as journal:
            journal.seek(since)
            return list(csv.reader(journal.read().decode().splitlines()))

    def legs_of_journal(self, since: int) -> dict[str, float]:
        """Return Uniqueid → seconds of every answered carrier leg, from Asterisk's journal."""
        answered: dict[str, float] = {}
        seconds: dict[str, float] = {}
        for event, at, uniqueid, _, channel, *_ in self._rows(since):
            if not channel.startswith("PJSIP/carrier"):
                continue
            if event == "ANSWER":
                answered.setdefault(uniqueid, float(at))
            elif event == "HANGUP" and uniqueid in answered:
                seconds[uniqueid] = float(at) - answered[uniqueid]
        return seconds


def _name(case: Case) -> str:
    return case.play.__name__


@pytest.mark.parametrize("case", [*CASES, *PAYERS], ids=_name)
def test_the_ledger_says_of_each_case_what_calls_md_says(
    case: Case, asterisk: Asterisk, tmp_path: Path
) -> None:
    _is_as_calls_md_says(case, asterisk, tmp_path, ACCOUNTS)


@pytest.mark.parametrize("case", PAYERS_OF_MANY_WAYS, ids=_name)
def test_the_ledger_says_the_same_where_tenants_are_known_by_many_things(
    case: Case, asterisk: Asterisk, tmp_path: Path
) -> None:
    _is_as_calls_md_says(case, asterisk, tmp_path, MANY_WAYS)


def _is_as_calls_md_says(case: Case, asterisk: Asterisk, tmp_path: Path, accounts: str) -> None:
    watched = Watched(asterisk, tmp_path)
    daemon = watched.play(case, accounts)

    assert watched.counts() == case.during
    assert {call["tenant"] for calls in watched.looks for call in calls} <= case.owners
    assert sorted(leg[:2] for leg in daemon.answered()) == sorted(case.billed)
    _equals_the_journal(daemon, watched.journal, slow_end=case.slow_end)


@pytest.mark.parametrize(
    "case",
    [one for one in CASES if one.play in {
        cases.outbound_answered, cases.blind_transfer, cases.attended_transfer,
    }],
    ids=lambda case: case.play.__name__,
)  # fmt: skip
def test_asterisk_16_says_the_same(case: Case, old_asterisk: Asterisk, tmp_path: Path) -> None:
    watched = Watched(old_asterisk, tmp_path)
    daemon = watched.play(case)

    assert watched.counts() == case.during
    assert sorted(leg[:2] for leg in daemon.answered()) == sorted(case.billed)
    _equals_the_journal(daemon, watched.journal, slow_end=False)


@pytest.mark.parametrize(
    ("played", "accounts"),
    [([*PAYERS, *CASES[:2]], ACCOUNTS), (PAYERS_OF_MANY_WAYS, MANY_WAYS)],
    ids=["accounts", "many-ways"],
)
def test_the_journal_alone_finds_the_same_payers(
    played: list[Case], accounts: str, asterisk: Asterisk, tmp_path: Path
) -> None:
    """The daemon is down while the cases are played: each call passes by the open fallback."""
    legs: dict[str, dict[str, float]] = {}
    with Daemon(asterisk, tmp_path, journal=True) as daemon:
        daemon.apply(accounts)
        daemon.stop()
        watched = Watched(asterisk, tmp_path)
        for case in played:
            before = asterisk.journal.stat().st_size if asterisk.journal.exists() else 0
            with Ami(asterisk.ami) as ami, ExitStack() as stack:
                case.play(Scene(asterisk, ami, stack))
                watched.wait_over(ami, before)
            legs[_name(case)] = watched.legs_of_journal(before)
        daemon.start()
        everything = {uniqueid for told in legs.values() for uniqueid in told}

        def recovered() -> dict[str, tuple[str, str]]:
            daemon.wait_on_record()
            return {
                leg["uniqueid"]: (leg["tenant"], leg["direction"])
                for leg in daemon.legs()
                if leg["ended_at"]
            }

        until(lambda: everything <= recovered().keys(), "all legs are recovered", 30.0)
        found = recovered()
        paid = {name: sorted(found[uniqueid] for uniqueid in told) for name, told in legs.items()}
        assert paid == {_name(case): sorted(case.billed) for case in played}


def _equals_the_journal(daemon: Daemon, journal: dict[str, float], *, slow_end: bool) -> None:
    ours = {
        leg["uniqueid"]: leg["talk_us"] / 1_000_000
        for leg in daemon.legs()
        if leg["answered_at"] is not None
    }
    assert ours.keys() == journal.keys()
    if not slow_end:  # CEL's HANGUP comes after the `h` extension
        assert ours == pytest.approx(journal, abs=AGREES_S)

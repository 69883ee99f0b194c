"""A site: a PBX with one of the rig's frames, a daemon beside it, and what a test has caused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from rig import frames
from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.frames import Frame
from rig.leg import Leg
from rig.scene import MOBILE, Scene
from rig.site import claimed_block
from rig.waiting import until
from tests.support.calls.audit import AGREEMENT_S, JournalSince, ledger_legs
from tests.support.daemon.daemon import Daemon
from tests.support.docs.pages import files

SUSPENDED, LIMITED = "globex", "initech"

ACCOUNTS = f"""
[plan.none]
max_calls = 0
[plan.unlimited]
[plan.acmes]
{{limits}}
[tenant.acme]
plan = "acmes"
mode = "{{mode}}"
accountcodes = ["acme"]
dids = ["{'", "'.join(f"+155501{number}" for number in (11, 12, 14, 60, 61, 62, 64))}"]
[tenant.{SUSPENDED}]
plan = "unlimited"
status = "suspended"
accountcodes = ["{SUSPENDED}"]
[tenant.{LIMITED}]
plan = "none"
accountcodes = ["{LIMITED}"]
dids = ["+15550131"]
"""
"""Only acme's endpoints have an account code; FreePBX' database has the others'."""

FAMILIES = ("CF", "FM", "DND")
"""Families of Asterisk's database in which a test may set what an extension does."""


class Site:
    """A PBX with a daemon, and the record since the test began."""

    def __init__(self, frame: Frame, asterisk: Asterisk, daemon: Daemon, ami: Ami) -> None:
        self.frame = frame
        self.asterisk = asterisk
        self.daemon = daemon
        self.ami = ami

    def begin(self, stack: ExitStack) -> None:
        """Restore the state of the start; peers that a test adds leave with `stack`."""
        self.stack = stack
        self.daemon.wait_idle()
        self.asterisk.restore()
        self.asterisk.set_global("PBXBILLING_HOOK", self.daemon.hook)
        for family in FAMILIES:
            self.asterisk.rx(f"database deltree {family}")
        self.rules()
        self.daemon.delete("/tenants/acme/suspension")
        self.scene = Scene(self.asterisk, self.ami, stack)
        self.trunks = [self.scene.carrier(which) for which in (1, 2)]
        self.journal = JournalSince(self.asterisk.journal)
        self.since = len(self.ami.events)
        self._decided = len(self._all_decisions())
        self._legs = len(self.daemon.legs())

    def rules(self, limits: str = "", mode: str = "enforce") -> None:
        """Put limits of acme's plan and its mode in force."""
        self.daemon.apply(ACCOUNTS.format(limits=limits, mode=mode))

    def suspend(self) -> None:
        """Suspend acme until the next test."""
        self.daemon.put("/tenants/acme/suspension")

    def sets(self, family: str, extension: str, value: str) -> None:
        """Set in Asterisk's database what an extension does."""
        self.asterisk.rx(f"database put {family} {extension} {value}")

    def call(self, tenant: str = "acme", number: str = MOBILE) -> Leg:
        """Call from a tenant's first phone; return when it is answered or over."""
        leg = self.scene.phone(tenant).call(number)
        leg.phone.await_change(lambda: leg.state in {"up", "ended"}, f"{leg} is answered", 10)
        return leg

    def originates(self, channel: str, number: str, **fields: str) -> None:
        """Let a program call `channel`, and connect it with the number."""
        self.ami.action(
            "Originate",
            Channel=channel,
            Context=self.frame.home,
            Exten=number,
            Priority="1",
            Async="true",
            **fields,  # type: ignore[arg-type]  # none of them is a timeout
        )

    def invited(self) -> list[str]:
        """Return the numbers that trunks were asked for, the first trunk's first."""
        return [leg.number for trunk in self.trunks for leg in trunk.incoming]

    def live(self) -> list[tuple[str, int]]:
        """Return direction and number of trunk legs of each call that lives."""
        return [
            (call["direction"], sum(leg["trunk"] for leg in call["legs"]))
            for call in self.daemon.calls()
        ]

    def await_live(self, expected: list[tuple[str, int]]) -> None:
        """Return once these are the calls that live, as `live` returns them."""
        try:
            until(lambda: self.live() == expected, f"the live calls are {expected}")
        except TimeoutError as late:
            late.add_note(f"they are {self.live()}")
            raise

    def answers_before(self) -> int:
        """Return how many channels of a phone or a trunk were answered since the test began."""
        told = (e for e in self.ami.events[self.since :] if e["Event"] == "Newstate")
        return sum(e["ChannelState"] == "6" and e["Channel"].startswith("PJSIP/") for e in told)

    def decisions(self) -> list[dict[str, Any]]:
        """Return the decisions, oldest first."""
        self.daemon.wait_on_record()
        return self._all_decisions()[self._decided :]

    def reasons(self) -> list[str]:
        """Return the reasons of the decisions, oldest first."""
        return [decision["reason"] for decision in self.decisions()]

    def _all_decisions(self) -> list[dict[str, Any]]:
        found = self.daemon.get("/decisions")
        return list(reversed(found))

    def billed(self, *, late: bool = False) -> list[tuple[str | None, str, str]]:
        """Return tenant, direction and number of each answered trunk leg, once all are over.

        Their seconds equal those of Asterisk's own journal; `late` for legs whose end the journal
        tells a second late, because the dialplan goes on.
        """
        self.asterisk.wait_idle()
        self.daemon.wait_idle()
        legs = [leg for leg in self.daemon.legs()[self._legs :] if leg["answered_at"] is not None]
        ours, theirs = ledger_legs(legs), self.journal.legs()
        assert ours.keys() == theirs.keys()
        for leg, at in ours.items():
            assert at.answered_at == pytest.approx(theirs[leg].answered_at, abs=AGREEMENT_S)
            ended = theirs[leg].ended_at
            assert ended is not None
            if late:
                assert at.ended_at is not None
                assert at.ended_at <= ended - 1
            else:
                assert at.ended_at == pytest.approx(ended, abs=AGREEMENT_S)
        return [(leg["tenant"], leg["direction"], leg["number"]) for leg in legs]


@contextmanager
def running(frame: Frame, folder: Path) -> Iterator[Site]:
    """Start a site in a folder."""
    custom = files("docs/guides/dialplans.md", "FreePBX") if frame.is_freepbx else {}
    with ExitStack() as stack:
        pbx = stack.enter_context(claimed_block())
        what = frame.settings(pbx, custom)
        asterisk = stack.enter_context(Asterisk(frame.release, folder / "asterisk", pbx, what))
        if frame.is_freepbx:
            frames.fill_database(asterisk)
        admissions = "[decisions]\nadmissions = true\n"
        daemon = stack.enter_context(Daemon(asterisk, folder, more=admissions, journal=True))
        yield Site(frame, asterisk, daemon, stack.enter_context(Ami(asterisk.ami)))

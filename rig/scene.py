"""A running Asterisk with phones and carriers around it, on which cases are played."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.phone import Phone
from rig.site import Endpoint
from rig.waiting import until

TALK_S = 1.0
MOBILE = "0155501"
"""An external number; any that begins with 0 would do."""


@dataclass(slots=True)
class Scene:
    """A running Asterisk with peers around it. Closing `stack` removes the peers."""

    asterisk: Asterisk
    ami: Ami
    stack: ExitStack
    snapshot: Callable[[], None] = lambda: None
    """Called at the height of a case."""

    def phone(self, tenant: str, which: int = 1, *, answers: bool = False) -> Phone:
        """Return a phone at that extension."""
        return self._peer(self.asterisk.block.phone(tenant, which), answers=answers)

    def carrier(self, which: int = 1, *, answers: bool = True) -> Phone:
        """Return a carrier; it also places incoming calls."""
        return self._peer(self.asterisk.block.carrier(which), answers=answers)

    def _peer(self, here: Endpoint, *, answers: bool) -> Phone:
        pbx = self.asterisk.block.pbx
        return self.stack.enter_context(Phone(here, pbx, answers=answers, media=True))

    def talk(self) -> None:
        """Talk for a second, with a snapshot in the middle.

        A transfer must be preceded by this too: both legs are then in their bridge.
        """
        time.sleep(TALK_S / 2)
        self.snapshot()
        time.sleep(TALK_S / 2)

    def originate(self, channel: str) -> None:
        """Call `channel`, and send it to the dialplan when it answers."""
        self.ami.action(
            "Originate",
            Channel=channel,
            Context="from-acme",
            Exten=MOBILE,
            Priority="1",
            Async="true",
        )

    def park(self, timeout_s: int) -> str:
        """Park the carrier's leg on behalf of acme's first phone; return its parking slot."""
        start = len(self.ami.events)
        self.ami.action(
            "Park",
            Channel=self.ami.channel("PJSIP/carrier"),
            TimeoutChannel=self.ami.channel("PJSIP/acme1"),
            AnnounceChannel=self.ami.channel("PJSIP/acme1"),
            Timeout=str(timeout_s * 1000),
        )
        return self.ami.wait("ParkedCall", since=start)["ParkingSpace"]

    def wait_up(self, endpoint: str, count: int = 1) -> None:
        """Return when `count` channels of an endpoint are answered."""

        def answered() -> bool:
            rows = [c for c in self.ami.channels() if c["Channel"].startswith(f"{endpoint}-")]
            return sum(row["ChannelState"] == "6" for row in rows) >= count

        until(answered, f"{endpoint} is answered")

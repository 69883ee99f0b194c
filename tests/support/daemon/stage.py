"""A daemon on a real Asterisk, with a phone and a carrier around it, for tests of faults."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rig.ami import Ami
from rig.asterisk import Asterisk
from rig.scene import MOBILE, Scene
from tests.support.daemon.daemon import ACCOUNTS, Daemon

PLANS = """
[plan.none]
max_calls = 0
[plan.minute]
included_minutes = 0
overage = "block"
[plan.second]
included_minutes = 1
overage = "block"
billing_increment = "1/1"
[plan.pair]
max_calls = 2
"""


def accounts(plan: str, more: str = "") -> str:
    """Return accounts with the usual tenants, but acme on another plan."""
    acme = f'[tenant.acme]\nplan = "{plan}"\n{more}'
    return PLANS + ACCOUNTS.replace('[tenant.acme]\nplan = "unlimited"\n', acme)


class Stage:
    """A daemon with peers around its Asterisk; closing `stack` removes all."""

    def __init__(self, asterisk: Asterisk, directory: Path, stack: ExitStack, **settings: Any):
        self.daemon = stack.enter_context(Daemon(asterisk, directory, **settings))
        self.scene = Scene(asterisk, stack.enter_context(Ami(asterisk.ami)), stack)
        self.carrier = self.scene.carrier()
        self.phone = self.scene.phone("acme")

    def refused_with(self, number: str = MOBILE) -> int:
        """Dial, and return the final status of the call."""
        leg = self.phone.call(number)
        leg.wait("ended")
        return leg.status

    def last_decision(self) -> dict[str, object]:
        """Return the newest decision."""
        self.daemon.wait_on_record()
        found: list[dict[str, object]] = self.daemon.get("/decisions", tenant="acme")
        assert found, "no decision is on record"
        return found[0]

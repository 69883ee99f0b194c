"""Steady traffic of three tenants through a real Asterisk, while faults happen around it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from rig import sipp
from rig.asterisk import Asterisk
from rig.scene import MOBILE

HOLD_S = {"acme": 0.2, "globex": 0.7, "initech": 2.5}
"""Tenant → how long its calls talk. The three are known by account code, argument and context."""

PER_S = 7  # calls a second of each tenant
LASTING = 3
_ENDLESS = 100_000


class Traffic:
    """Short calls without end, and a few that last from the first moment on."""

    def __init__(self, asterisk: Asterisk, directory: Path, stack: ExitStack) -> None:
        self._asterisk = asterisk
        self._directory = directory
        self._stack = stack
        block = asterisk.block
        stack.enter_context(sipp.answer(directory / "carrier", block.carrier()))
        lasting = sipp.call(
            directory / "lasting", block.pbx, block.phone("globex", 2), MOBILE, count=LASTING
        )
        stack.enter_context(lasting).await_count("final", LASTING)
        self._callers = [self._caller(tenant, hold_s) for tenant, hold_s in HOLD_S.items()]

    def _caller(self, tenant: str, hold_s: float) -> sipp.Sipp:
        block = self._asterisk.block
        calls = sipp.call(
            *(self._directory / tenant, block.pbx, block.phone(tenant), MOBILE),
            count=_ENDLESS,
            per_s=PER_S,
            hold_s=hold_s,
        )
        return self._stack.enter_context(calls)

    def placed(self) -> int:
        """How many calls were answered or refused so far."""
        return sum(sum(caller.finals().values()) for caller in self._callers)

    def go_on(self, calls: int) -> None:
        """Return when so many more calls have had their answer."""
        caller = self._callers[0]
        share = len(caller.happenings("final")) + calls // len(self._callers)
        caller.await_count("final", share, 10 + calls / PER_S)

    def end(self) -> None:
        """Begin no more calls, and return when the short ones have ended."""
        for caller in self._callers:
            caller.drain()

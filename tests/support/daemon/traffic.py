"""Steady traffic of three tenants through a real Asterisk, while faults happen around it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rig import sipp
from rig.asterisk import Asterisk
from rig.scene import MOBILE

HOLD_S = {"acme": 0.2, "globex": 0.7, "initech": 2.5}
"""Tenant → talk time of its calls. They are identified by account code, argument and context."""

PER_S = 7  # calls a second of each tenant
LASTING = 3
_ENDLESS = 100_000


class Traffic:
    """Short calls without end, and a few that last from the first moment on."""

    def __init__(self, asterisk: Asterisk, directory: Path, stack: ExitStack) -> None:
        self._asterisk = asterisk
        self._directory = directory
        self._stack = stack
        self._runs: list[sipp.Sipp] = []
        stack.enter_context(sipp.answer(directory / "carrier", asterisk.block.carrier()))
        self.begin()

    def begin(self) -> None:
        """Start placing calls."""
        self._run("globex", 2, count=LASTING).await_count("final", LASTING)
        self._callers = [
            self._run(tenant, 1, count=_ENDLESS, per_s=PER_S, hold_s=hold_s)
            for tenant, hold_s in HOLD_S.items()
        ]

    def _run(self, tenant: str, which: int, **how: Any) -> sipp.Sipp:
        block = self._asterisk.block
        directory = self._directory / f"caller{len(self._runs)}"
        run = sipp.call(directory, block.pbx, block.phone(tenant, which), MOBILE, **how)
        self._runs.append(self._stack.enter_context(run))
        return run

    def go_on(self, seconds: float) -> None:
        """Return when so many seconds' worth of calls have been answered."""
        caller = self._callers[0]
        before = len(caller.happenings("final"))
        caller.await_count("final", before + round(seconds * PER_S), seconds + 10)

    def end(self) -> None:
        """Begin no more calls, and return when the short ones have ended."""
        for caller in self._callers:
            caller.drain()

    def abandon(self) -> None:
        """Drop the callers, because their PBX is gone."""
        for run in self._runs:
            run.stop()

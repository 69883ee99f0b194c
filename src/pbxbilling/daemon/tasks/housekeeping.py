"""Checks allowances, stale links, trunks and reservations every half second, and saves marks.

A fault in one of them is reported, and does not affect the others.
"""

from __future__ import annotations

import asyncio
from itertools import count

from pbxbilling.calls.engine.engine import CallEngine
from pbxbilling.calls.trunk_use import TrunkUse
from pbxbilling.daemon.pbx_fleet import PbxFleet
from pbxbilling.daemon.tasks.supervisor import Supervisor
from pbxbilling.kernel.ports import Clock
from pbxbilling.runtime import gc_tuning as garbage
from pbxbilling.runtime.waiting import in_turns

WATCH_S = 0.5
MARK_EVERY = 10  # rounds between two saves of each PBX's mark


class Housekeeping:
    """Runs the periodic checks beside the hook."""

    def __init__(
        self,
        engine: CallEngine,
        pbxes: PbxFleet,
        trunks: TrunkUse,
        clock: Clock,
        supervisor: Supervisor,
    ) -> None:
        self._engine = engine
        self._pbx_fleet = pbxes
        self._trunks = trunks
        self._clock = clock
        self._supervisor = supervisor

    async def run(self) -> None:
        """Run until cancelled."""
        for number in count(1):
            await asyncio.sleep(WATCH_S)
            await self.round(marks=number % MARK_EVERY == 0)

    async def round(self, *, marks: bool) -> None:
        """Run every check once; with `marks`, also save each PBX's mark."""
        if marks:
            with self._supervisor.guarded("marks"):
                self._pbx_fleet.mark()
            garbage.set_aside()
        with self._supervisor.guarded("allowances"):
            self.look_at_allowances()
        with self._supervisor.guarded("stale links"):
            self._engine.reconciler.watch()
        with self._supervisor.guarded("trunks"):
            await in_turns(self._trunks.count())
        with self._supervisor.guarded("reservations"):
            await self._pbx_fleet.ask_after_unconfirmed()

    def look_at_allowances(self) -> None:
        """Renew allowances whose period has ended, and cut legs that have used up theirs."""
        self._engine.cutter.tick(self._clock.now(), self._clock.monotonic())

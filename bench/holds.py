"""How long work on a large ledger holds the loop: `python -m bench.holds` prints milliseconds."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable
from itertools import count
from pathlib import Path
from random import randrange
from tempfile import TemporaryDirectory

import uvloop

from bench.core import PBX, Core, tenant_name
from bench.hook_servers import MANY
from pbxbilling.calls.admission.hook import HookRequest
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.calls.live.signals import ChannelSeen, Snapshot
from pbxbilling.runtime.waiting import in_turns

TENANTS, CHANNELS = MANY
VERDICTS = 20_000
_numbers = count()


class Probe:
    """Runs in every turn of the loop, and records the longest CPU time others used in between."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest_s = max(self.longest_s, now - before)
            before = now


async def held_ms(work: Awaitable[object]) -> float:
    """Return the longest time that this work holds the loop without a break."""
    probe = Probe()
    running = asyncio.create_task(probe.run())
    await asyncio.sleep(0)
    await work
    await asyncio.sleep(0)
    running.cancel()
    return probe.longest_s * 1000


def _row(number: int) -> ChannelSeen:
    uniqueid, tenant = f"listed.{number}", tenant_name(randrange(TENANTS))
    name = f"PJSIP/carrier-{number:08x}"
    return ChannelSeen(ChannelKey(PBX, uniqueid), name, 6, uniqueid, tenant, age_s=60.0)


async def _verdicts(core: Core) -> None:
    for _ in range(VERDICTS):
        tenant, uniqueid = tenant_name(randrange(TENANTS)), f"new.{next(_numbers)}"
        ask = HookRequest(uniqueid, f"PJSIP/{tenant}-1", tenant=tenant, linkedid=uniqueid, pbx=PBX)
        core.admission.judge(ask)
        await asyncio.sleep(0)


async def main() -> None:
    """Measure everything one after the other, in one process."""
    with TemporaryDirectory() as directory:
        core = Core(Path(directory, "log"), tenants=TENANTS)
        rows = tuple(map(_row, range(CHANNELS)))

        def reconciled() -> Awaitable[bool]:
            now = core.clock
            snapshot = Snapshot(PBX, rows, True, now.now(), now.monotonic())
            return in_turns(core.reconciler.apply(snapshot))

        writing = asyncio.create_task(core.writer.run())
        held = {
            "a snapshot of 50,000 new channels": await held_ms(reconciled()),
            "a snapshot of 50,000 known channels": await held_ms(reconciled()),
            "a scrape": await held_ms(core.metrics.scrape()),
            "a verdict, with garbage": await held_ms(_verdicts(core)),
        }
        writing.cancel()
    print(json.dumps(held))


if __name__ == "__main__":
    uvloop.run(main())

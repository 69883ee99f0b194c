"""A virtual PBX in a thread of its own, for tests that do not run in an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from rig.site import AMI_SECRET
from rig.virtualpbx import Placed, VirtualPbx
from rig.waiting import patience_s

T = TypeVar("T")


class Apart:
    """That PBX, driven from other threads."""

    def __init__(self, pbx: VirtualPbx, loop: asyncio.AbstractEventLoop) -> None:
        self.pbx = pbx
        self._loop = loop
        self._calls: list[Future[Placed]] = []

    @property
    def ami(self) -> tuple[str, int]:
        """The address of its AMI."""
        return "127.0.0.1", self.pbx.port

    def do(self, what: Callable[[], T]) -> T:
        """Run `what` in the PBX's own thread."""

        async def done() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(patience_s(10))

    def call(self, tenant: str, talk_s: float = 60.0) -> None:
        """Begin an outbound call through the hook; it ends by itself, or with `hang_up`."""
        call = self.pbx.call(tenant, "0155501", talk_s=talk_s)
        self._calls.append(asyncio.run_coroutine_threadsafe(call, self._loop))

    def hang_up(self) -> list[Placed]:
        """End every call; return their outcomes."""
        for channel in self.do(self.pbx.channels):
            self.do(lambda uniqueid=channel.uniqueid: self.pbx.hangup(uniqueid))  # type: ignore[misc]
        calls, self._calls = self._calls, []
        return [call.result(patience_s(10)) for call in calls]

    def drop(self) -> None:
        """Cut every manager session; the PBX itself goes on."""
        asyncio.run_coroutine_threadsafe(self.pbx.manager.drop(), self._loop).result(patience_s(10))

    def stop(self) -> None:
        """Close its manager's port and every session."""
        asyncio.run_coroutine_threadsafe(self.pbx.stop(), self._loop).result(patience_s(10))


@contextmanager
def virtual_pbx(name: str, hook: str) -> Iterator[Apart]:
    """A running virtual PBX that asks the hook at `hook`, host:port."""
    host, _, port = hook.rpartition(":")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=name)
    thread.start()
    pbx = VirtualPbx(name, hook=(host, int(port)), secret=AMI_SECRET, login_delay_s=0.0)
    apart = Apart(pbx, loop)
    asyncio.run_coroutine_threadsafe(pbx.start(), loop).result(patience_s(10))
    try:
        yield apart
        apart.hang_up()
    finally:
        apart.stop()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(patience_s(10))
        loop.close()

"""The stream of what is live, for the process that people look at: nobody asks the daemon then.

One producer serves all subscribers, and works only while there are any. Every `TICK_S` it views the
calls that facts have marked, and some more in turn, because not every change of a leg is a fact. It
rests after every few, so that a hook never waits for more than these. A subscriber gets all that is
live in parts, then what has changed. One that does not read is cut off, and begins anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

import orjson

from pbxbilling.calls.live.facts import CallNews, LegEnded
from pbxbilling.calls.live.ledger import Ledger
from pbxbilling.calls.views import CallView, StatusView
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock

TICK_S: Final = 0.25
STATUS_S: Final = 1.0
A_TURN: Final = 25  # calls that are viewed in turn, each tick: a hundred a second
A_FEW: Final = 4  # calls that are viewed at once; a new one takes 80 µs
REST_S: Final = 0.001
A_PART: Final = 50  # calls of a line
SUBSCRIBERS_MOST: Final = 4
WAITING_MOST: Final = 40  # lines: ten seconds

Shape = Callable[[Any], dict[str, Any]]


class Subscriber:
    """Lines that wait for one who reads them."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MOST)
        self.is_cut_off = False

    def put(self, line: bytes) -> None:
        """Add a line; whoever has not read so many is cut off."""
        if self._lines.full():
            self.is_cut_off = True
        else:
            self._lines.put_nowait(line)

    def forget(self) -> None:
        """Drop the lines that wait."""
        while not self._lines.empty():
            self._lines.get_nowait()

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """Yield lines until it is cut off."""
        while not self.is_cut_off:
            yield await self._lines.get()


class LiveFeed:
    """Gathers what changes, and hands it to subscribers as lines of JSON.

    A line has `calls` (by id, as the API shows them), `gone` (ids), `loads` (of tenants: outbound,
    inbound, internal, trunk legs, forwards), `left` (seconds of hard allowances), `status`, and
    `whole` once all parts of the beginning are there.
    """

    def __init__(
        self,
        ledger: Ledger,
        status: Callable[[], StatusView],
        left_s: Callable[[str], float | None],
        shape_call: Shape,
        shape_status: Shape,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._status = status
        self._left_s = left_s
        self._shape_call = shape_call
        self._shape_status = shape_status
        self._clock = clock
        self._marked: dict[str, str | None] = {}  # calls, each with its tenant
        self._tenants: set[str] = set()
        self._shown: dict[str, bytes] = {}
        self._viewed: dict[str, int] = {}  # the hash of each call's view: to shape it takes longer
        self._owners: dict[str, str | None] = {}  # of the calls that are shown
        self._turn: Iterator[str] = iter(())
        self._status_shown: tuple[float, bytes] = (float("-inf"), b"")
        self._subscribers: set[Subscriber] = set()
        self._gathering = asyncio.Lock()

    def sink(self, fact: Fact) -> None:
        """Mark the call that a fact is about, if anybody looks."""
        if not self._subscribers:
            return
        if isinstance(fact, CallNews):
            self._marked[fact.call.call] = fact.call.tenant
        elif isinstance(fact, LegEnded) and fact.leg.tenant is not None:
            self._tenants.add(fact.leg.tenant)

    async def subscribe(self) -> AsyncGenerator[bytes, None]:
        """Yield lines until the subscriber leaves or is cut off; none where there are too many."""
        if len(self._subscribers) >= SUBSCRIBERS_MOST:
            return
        subscriber, is_first = Subscriber(), not self._subscribers
        self._subscribers.add(subscriber)  # what changes from now on comes after the beginning
        try:
            async with self._gathering:  # also of another one's beginning, which is not whole yet
                if is_first:
                    await self._begin()
                subscriber.forget()  # what was gathered before is older than the beginning
            for part in self._whole():
                yield part
                await asyncio.sleep(REST_S)
            async for line in subscriber.lines():
                yield line
        finally:
            self._subscribers.discard(subscriber)

    async def run(self) -> None:
        """Produce lines until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    async def tick(self) -> None:
        """Hand a line to each subscriber."""
        async with self._gathering:
            if self._subscribers:
                line = await self.changes()
                for subscriber in tuple(self._subscribers):
                    subscriber.put(line)

    async def changes(self) -> bytes:
        """Return the line of what has changed since the last one."""
        marked, self._marked = self._marked, {}
        tenants, self._tenants = self._tenants, set()
        calls: dict[str, bytes] = {}
        gone: list[str] = []
        for number, ident in enumerate({**marked, **dict.fromkeys(self._in_turn())}, 1):
            await _rest_after(number)
            owner = self._owners.get(ident, marked.get(ident))
            view = self._view(ident)
            if view is None:
                if self._forget(ident):
                    gone.append(ident)
            elif (written := self._written(view)) is not None:
                calls[ident] = written
            else:
                continue
            now = view.tenant if view is not None else None
            tenants |= {one for one in (owner, now) if one is not None}
        return self._line(calls, gone, tenants, self._changed_status())

    # --- parts ---------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """View everything anew, in parts: nobody has looked for a while."""
        self._marked, self._tenants = {}, set()
        self._shown, self._viewed, self._owners = {}, {}, {}
        self._status_shown = (float("-inf"), b"")
        for number, ident in enumerate(list(self._ledger.calls), 1):
            view = self._view(ident)
            if view is not None:
                self._written(view)
            await _rest_after(number)

    def _whole(self) -> Iterator[bytes]:
        """Yield all that is shown, in parts."""
        shown = iter(list(self._shown.items()))
        while part := dict(islice(shown, A_PART)):
            tenants = {owner for ident in part if (owner := self._owners[ident]) is not None}
            yield self._line(part, (), tenants, b"")
        status = orjson.dumps(self._shape_status(self._status()))
        yield self._line({}, (), (), status, whole=True)

    def _line(
        self,
        calls: dict[str, bytes],
        gone: Iterable[str],
        tenants: Iterable[str],
        status: bytes,
        *,
        whole: bool = False,
    ) -> bytes:
        loads, left = {}, {}
        for tenant in tenants:
            load = self._ledger.load(tenant)
            loads[tenant] = (
                load.outbound, load.inbound, load.internal, load.trunk_legs, load.forwards,
            )  # fmt: skip
            left[tenant] = self._left_s(tenant)
        line = {
            "calls": {ident: orjson.Fragment(call) for ident, call in calls.items()},
            "gone": list(gone),
            "loads": loads,
            "left": left,
            "status": orjson.Fragment(status or b"null"),
            "whole": whole,
        }
        return orjson.dumps(line) + b"\n"

    def _view(self, ident: str) -> CallView | None:
        call = self._ledger.calls.get(ident)
        return None if call is None or call.ended_at is not None else CallView.of(call)

    def _written(self, view: CallView) -> bytes | None:
        """Return a call as it is shown from now on; None: it is shown so already."""
        viewed = hash(view)
        if self._viewed.get(view.call) == viewed:
            return None
        written = orjson.dumps(self._shape_call(view))
        self._shown[view.call], self._owners[view.call] = written, view.tenant
        self._viewed[view.call] = viewed
        return written

    def _forget(self, ident: str) -> bool:
        self._owners.pop(ident, None)
        self._viewed.pop(ident, None)
        return self._shown.pop(ident, None) is not None

    def _in_turn(self) -> list[str]:
        """Return the next calls of a round through all of them, shown or live."""
        some = list(islice(self._turn, A_TURN))
        if len(some) < A_TURN:
            self._turn = iter({**self._shown, **self._ledger.calls})
        return some

    def _changed_status(self) -> bytes:
        """Return the status where it has changed, looked at once a second."""
        now = self._clock.monotonic()
        at, before = self._status_shown
        if now - at < STATUS_S:
            return b""
        status = orjson.dumps(self._shape_status(self._status()))
        self._status_shown = (now, status)
        return b"" if status == before else status


async def _rest_after(number: int) -> None:
    if number % A_FEW == 0:
        await asyncio.sleep(REST_S)

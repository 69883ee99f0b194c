"""Time, and where facts, records and orders go."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from pbxbilling.domain.facts import Fact
from pbxbilling.domain.record import QueuedRecord


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """The current instant, aware UTC; stamps facts."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step; for time limits only."""
        ...


class EventSink(Protocol):
    """Somebody who makes something of facts. It must not raise, nor wait."""

    def __call__(self, fact: Fact, /) -> None:
        """Take one fact."""
        ...


class RecordSink(Protocol):
    """Where records go to be kept: at once, without waiting; durable a little later."""

    def put(self, record: QueuedRecord) -> None:
        """Queue one record; records of one key keep their order."""
        ...


class PbxControl(Protocol):
    """What we ask a PBX to do."""

    async def channel_exists(self, name: str) -> bool | None:
        """Whether a channel of this name lives; None where the PBX did not answer."""
        ...

    async def absolute_timeout(self, channel: str, seconds: float) -> bool:
        """Hang the channel up that long from now; False where it is gone or nobody answered."""
        ...

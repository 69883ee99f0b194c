"""A fake broker behind the publisher's interface: accepts, stalls, falls and refuses on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from pbxbilling.mqtt.messages import OFFLINE, ONLINE, MqttMessage
from pbxbilling.mqtt.session import BrokerError
from pbxbilling.mqtt.settings import BrokerSettings


class FakeBroker:
    """The publisher's replacement for a network; pass its `open` to the publisher."""

    def __init__(self) -> None:
        self.taken: list[MqttMessage] = []
        self.opened: list[BrokerSettings] = []
        self.is_away = False
        self.takes = asyncio.Event()
        self.takes.set()
        self.connections: list[FakeConnection] = []

    async def open(
        self, settings: BrokerSettings, identity: str, on_lost: Callable[[], None]
    ) -> FakeConnection:
        self.opened.append(settings)
        if self.is_away:
            msg = f"{settings}: Connection refused"
            raise BrokerError(msg)
        self.connections.append(FakeConnection(self, on_lost))
        return self.connections[-1]

    def fall(self) -> None:
        """End every connection and accept no new ones."""
        self.is_away = True
        for connection in self.connections:
            connection.end()

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return name and keys of all events, in order."""
        found = [message for message in self.taken if "/events/" in message.topic]
        return [(m.topic.rpartition("/")[2], json.loads(m.payload)) for m in found]

    @property
    def status(self) -> bytes:
        """Return the retained status."""
        found = [m.payload for m in self.taken if m.topic == ONLINE.topic]
        return found[-1]

    def states(self, tenant: str = "acme") -> list[dict[str, Any]]:
        """Return every published state of a tenant."""
        topic = f"pbxbilling/tenants/{tenant}/state"
        return [json.loads(m.payload) for m in self.taken if m.topic == topic]


class FakeConnection:
    """One connection to that broker."""

    def __init__(self, broker: FakeBroker, on_lost: Callable[[], None]) -> None:
        self._broker = broker
        self._on_lost = on_lost
        self._lost = asyncio.Event()
        self.dropped = False

    def end(self) -> None:
        self._lost.set()
        self._on_lost()

    def check(self) -> None:
        if self._lost.is_set():
            msg = "the connection is closed"
            raise BrokerError(msg)

    async def send(self, messages: Sequence[MqttMessage]) -> None:
        self.check()
        if not self._broker.takes.is_set():
            waiting = {asyncio.ensure_future(e.wait()) for e in (self._broker.takes, self._lost)}
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waiting:
                    task.cancel()
            self.check()
        self._broker.taken += messages

    async def leave(self) -> None:
        await self.send([OFFLINE])
        self.drop()

    def drop(self) -> None:
        self.dropped = True

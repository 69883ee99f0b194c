"""The sink that publishes facts and states to an MQTT broker, and never waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Protocol

from pbxbilling.calls.tenant_state import TenantStates
from pbxbilling.calls.views import BrokerView
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.ports import Clock
from pbxbilling.mqtt.messages import ONLINE, Mask, MqttMessage, event_message, state_message
from pbxbilling.mqtt.outbox import Outbox
from pbxbilling.mqtt.pace import Pace
from pbxbilling.mqtt.session import BrokerError, Session
from pbxbilling.mqtt.settings import BrokerSettings
from pbxbilling.runtime.waiting import Backoff, pause

BATCH = 10  # messages that await the broker's PUBACK at once: a millisecond of the event loop
STATES_PER_S = 200.0
REVIEW_S = 60.0  # how late a state can be that changes with time alone
LEAVE_S = 3.0


class BrokerObserver(Protocol):
    """Receives changes of the connection: once when it comes up, once when it goes down."""

    def broker_up(self, broker: str, dropped: int) -> None:
        """The broker is connected; `dropped` events were lost since it last was."""
        ...

    def broker_down(self, broker: str, reason: str) -> None:
        """The broker is not connected; the publisher retries by itself."""
        ...


class BrokerConnection(Protocol):
    """What the publisher needs of a session."""

    def check(self) -> None:
        """Raise BrokerError where the connection is lost."""
        ...

    async def send(self, messages: Sequence[MqttMessage]) -> None:
        """Publish in order, until the broker has taken all. Raises BrokerError."""
        ...

    async def leave(self) -> None:
        """Publish `offline` and disconnect. Raises BrokerError."""
        ...

    def drop(self) -> None:
        """Close the connection at once."""
        ...


Open = Callable[[BrokerSettings, str, Callable[[], None]], Awaitable[BrokerConnection]]


class Publisher:
    """Publishes events and states to one broker; without settings it does nothing.

    `sink` takes a fact and returns; one task (`run`) sends. Events are sent at least once unless
    the queue drops them, states until the broker has the newest of every tenant.
    """

    def __init__(
        self,
        settings: BrokerSettings | None,
        states: TenantStates,
        mask: Mask,
        observer: BrokerObserver,
        clock: Clock,
        rng: Random,
        *,
        connect: Open = Session.open,
    ) -> None:
        self._states = states
        self._mask = mask
        self._observer = observer
        self._clock = clock
        self._rng = rng
        self._connect = connect
        self._identity = f"pbxbilling-{rng.getrandbits(32):08x}"
        self._outbox = Outbox(0, states.tenants)
        self._pace = Pace(STATES_PER_S, clock)
        self._review_at = clock.monotonic()
        self._published: dict[str, int] = {}  # tenant → hash of the state that the broker has
        self._dropped_before = 0
        self._connected = False
        self._is_down = False
        self._fault: str | None = None
        self._something = asyncio.Event()
        self._ordered = asyncio.Event()
        self._leaving = False
        self._left = asyncio.Event()
        self._settings: BrokerSettings | None = None
        self.change(settings)

    # --- for the daemon ------------------------------------------------------------------------

    def sink(self, fact: Fact) -> None:
        """Queue one fact. Never raises, never waits."""
        if self._settings is not None and self._outbox.put(fact):
            self._something.set()

    def change(self, settings: BrokerSettings | None) -> None:
        """Apply these settings from now on; equal ones change nothing."""
        if settings == self._settings:
            return
        self._settings = settings
        self._is_down, self._fault = False, None
        if settings is None:
            self._outbox.clear()
        else:
            self._outbox.capacity = settings.queue
            self._backoff = Backoff(settings.backoff_min_s, settings.backoff_max_s, self._rng)
        self._order()

    def view(self) -> BrokerView | None:
        """Return the state of the connection; None where MQTT is not enabled."""
        if self._settings is None:
            return None
        return BrokerView(
            broker=str(self._settings),
            connected=self._connected,
            queued=self._outbox.events,
            dropped=self._outbox.dropped,
            fault=self._fault,
        )

    async def leave(self) -> None:
        """Send what waits, publish `offline` and let `run` end: 3 s at most, 0 if not connected."""
        self._leaving = True
        self._order()
        if not self._connected:
            return
        await pause(LEAVE_S, self._left)

    def _order(self) -> None:
        self._ordered.set()
        self._something.set()

    # --- the connection ------------------------------------------------------------------------

    async def run(self) -> None:
        """Publish until `leave`; cancel to stop at once."""
        while not self._leaving:
            self._ordered.clear()
            pause_s = None if self._settings is None else await self._attend(self._settings)
            await pause(pause_s, self._ordered)
        self._left.set()

    async def _attend(self, settings: BrokerSettings) -> float:
        """Connect and publish while the connection lasts; return how long to wait then."""
        try:
            await self._converse(settings)
        except BrokerError as fault:
            self._report_lost(settings, str(fault))
        except Exception as error:  # noqa: BLE001 - a bug here must not stop the daemon
            self._report_lost(settings, f"{settings}: a bug of the daemon: {error!r}")
        else:
            return 0.0
        return self._backoff.next_s()

    async def _converse(self, settings: BrokerSettings) -> None:
        connection = await self._connect(settings, self._identity, self._something.set)
        try:
            await self._review(connection)
            self._report_connected(settings)
            while self._settings is settings and not self._leaving:
                connection.check()
                if self._clock.monotonic() >= self._review_at:
                    await self._review(connection)
                if not await self._deliver(connection):
                    await self._rest()
            await self._take_leave(connection, settings)
        finally:
            self._connected = False
            connection.drop()

    def _report_connected(self, settings: BrokerSettings) -> None:
        self._connected, self._is_down, self._fault = True, False, None
        self._backoff.reset()
        self._published.clear()  # the broker may have lost what it retained
        dropped = self._outbox.dropped
        self._observer.broker_up(str(settings), dropped - self._dropped_before)
        self._dropped_before = dropped

    def _report_lost(self, settings: BrokerSettings, reason: str) -> None:
        if settings is not self._settings:
            return  # the settings name another broker by now
        self._fault = reason
        if not self._is_down:
            self._is_down = True
            self._observer.broker_down(str(settings), reason)

    async def _take_leave(self, connection: BrokerConnection, settings: BrokerSettings) -> None:
        with contextlib.suppress(BrokerError, TimeoutError):
            async with asyncio.timeout(settings.farewell_s):
                while self._outbox.events:
                    await self._deliver(connection)
                await connection.leave()

    # --- sending -------------------------------------------------------------------------------

    async def _review(self, connection: BrokerConnection) -> None:
        """Check every state: a month begins or a trial ends without a fact.

        Publish `online` again: the last will of a connection that the broker gave up late may have
        come after it.
        """
        self._review_at = self._clock.monotonic() + REVIEW_S
        self._outbox.touch_all()
        await connection.send([ONLINE])

    async def _deliver(self, connection: BrokerConnection) -> bool:
        """Send the next batch; return whether there was one. Events not sent stay queued."""
        events = self._outbox.take_events(BATCH)
        messages = [event_message(fact, self._mask) for fact in events]
        messages += self._next_states(BATCH)
        if not messages:
            return False
        try:
            await connection.send(messages)
        except BaseException:
            self._outbox.put_back(events)
            raise
        return True

    def _next_states(self, most: int) -> list[MqttMessage]:
        """Return states that the broker does not have in this form, as many as the pace allows."""
        tenants = self._outbox.take_tenants(min(most, self._pace.allowed))
        self._pace.spend(len(tenants))
        messages = []
        for slug in tenants:
            state = self._states.of(slug)
            if state is not None and self._published.get(slug) != hash(state):
                self._published[slug] = hash(state)
                messages.append(state_message(state))
        return messages

    async def _rest(self) -> None:
        """Wait until there is something to send, to review or to obey."""
        limit_s = self._review_at - self._clock.monotonic()
        if self._outbox.has_states:
            limit_s = self._pace.next_s
        await pause(limit_s, self._something)
        self._something.clear()

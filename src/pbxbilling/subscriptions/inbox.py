"""Process stored webhook events: those about one subscription in order, others in parallel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from itertools import count

from pbxbilling.kernel.errors import GatewayError, StoreError, UnreadableError
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.kernel.text import in_words
from pbxbilling.runtime.waiting import Event, Semaphore, TaskGroup, pause
from pbxbilling.subscriptions.events import UNFINISHED, EventState, Message, Topic, WebhookEvent
from pbxbilling.subscriptions.facts import GatewayAway, GatewayBack, PaymentAlert
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.outcome import NOT_FETCHED, FetchedState
from pbxbilling.subscriptions.ports import Gateway, SubscriptionStore, WebhookReader
from pbxbilling.subscriptions.subscription import Subscription

SIDE_BY_SIDE = 8
SWEEP_S = 30.0  # how often unfinished events are retried
ASK_AGAIN_S = 5.0  # while the gateway is unreachable, one event in this time tries it again
PARKED_EVERY = 120  # sweeps: only a change of accounts, not time, finds a parked event's tenant
_SOON = UNFINISHED - {EventState.PARKED}
_WAITING_MOST = 10_000  # events beyond this stay in the store until a sweep


class Inbox:
    """Applies stored events to accounts: those of one lane in order, several lanes in parallel.

    All state is also in the store, so a stop in the middle neither loses nor repeats an event.
    """

    def __init__(
        self,
        gateway: Gateway,
        reader: WebhookReader,
        follower: Follower,
        subscription_store: SubscriptionStore,
        clock: Clock,
        emit: EventSink,
        on_meter_report: Callable[[str], Awaitable[None]],
    ) -> None:
        """`on_meter_report` takes the id of an event that reports bad usage."""
        self._gateway = gateway
        self._reader = reader
        self._follower = follower
        self._subscription_store = subscription_store
        self._clock = clock
        self._emit = emit
        self._on_meter_report = on_meter_report
        self._lanes: dict[str, dict[str, None]] = {}  # the ordered, unique event ids of each lane
        self._waiting = 0
        self._tasks: TaskGroup | None = None
        self._slots = Semaphore(SIDE_BY_SIDE)
        self._away = False
        self._ask_again_at = float("-inf")
        self._accounts_changed = False
        self._sweep_now = Event()
        self._failed: dict[str, str] = {}  # errors of events that fail by a fault of this program

    def accounts_changed(self) -> None:
        """Retry parked events at once: their tenant may be known now."""
        self._accounts_changed = True
        self._sweep_now.set()

    def arrived(self, event: WebhookEvent) -> None:
        """Append a stored event to its lane, unless it waits there already."""
        if self._tasks is None or self._waiting >= _WAITING_MOST:
            return
        if event.about not in self._lanes:
            self._lanes[event.about] = {}
            self._tasks.create_task(self._work(event.about), name=f"post {event.about}")
        lane = self._lanes[event.about]
        if event.id not in lane:
            lane[event.id] = None
            self._waiting += 1

    async def run(self) -> None:
        """Process events forever; begins with those that an earlier run left unfinished."""
        async with TaskGroup() as tasks:
            self._tasks = tasks
            try:
                for number in count():
                    parked = self._accounts_changed or number % PARKED_EVERY == 0
                    self._accounts_changed = False
                    self._sweep_now.clear()
                    await self._sweep(UNFINISHED if parked else _SOON)
                    await pause(SWEEP_S, self._sweep_now)
            finally:
                self._tasks = None

    async def _sweep(self, states: Iterable[EventState]) -> None:
        """Queue the stored events in these states again."""
        try:
            unfinished = await self._subscription_store.webhook_events(*states)
        except StoreError:
            return  # the store reports its own failure; the next sweep tries again
        for event in unfinished:
            self.arrived(event)

    async def _work(self, about: str) -> None:
        """Process one lane until it is empty."""
        lane = self._lanes[about]
        try:
            while lane:
                async with self._slots:
                    await self._deliver(self._next_of(lane))
        finally:
            self._waiting -= len(lane)  # not 0 if this was cancelled
            del self._lanes[about]

    def _next_of(self, lane: dict[str, None]) -> str:
        ident = next(iter(lane))
        del lane[ident]
        self._waiting -= 1
        return ident

    async def _deliver(self, ident: str) -> None:
        try:
            event = await self._subscription_store.webhook_event(ident)
            if event is not None and event.state in UNFINISHED:
                await self._take(event)
        except StoreError:
            return  # it stays unchanged in the store, for the next sweep
        except Exception as error:  # noqa: BLE001 - one event must not delay the others
            self._publish_failure(ident, in_words(error))
        else:
            self._failed.pop(ident, None)

    def _publish_failure(self, ident: str, error: str) -> None:
        """Publish each fault of an event once: it stays in the store, retried by every sweep."""
        if self._failed.get(ident) != error:
            self._failed[ident] = error
            note = f"it could not be applied, and is tried again: {error}"
            self._emit(PaymentAlert(self._clock.now(), f"event {ident}", note))

    async def _take(self, event: WebhookEvent) -> None:
        try:
            message = self._reader.parse(event.body)
            if message.topic is Topic.METER_REPORT and not await self._reported(message):
                return  # the next sweep asks again
            message, fetched = await self._ask_after(message)
        except (UnreadableError, GatewayError) as fault:
            await self._follower.give_up(event, str(fault))
            return
        if _says_anything_new(event, fetched):
            await self._follower.take(event, message, fetched)

    async def _ask_after(self, message: Message) -> tuple[Message, FetchedState]:
        """Fetch the event's subscription, and what its own body does not show.

        Raises GatewayError for faults other than an outage.
        """
        if message.subscription_id is None or not self._may_ask():
            return message, NOT_FETCHED
        try:
            found = await self._gateway.subscription(message.subscription_id)
            whole = await self._with_cycle(message, found)
        except GatewayError as fault:
            if not fault.away:
                raise
            self._is_away(str(fault))
            return message, NOT_FETCHED
        self._is_back()
        return whole, FetchedState(reached=True, found=found)

    async def _with_cycle(self, message: Message, found: Subscription | None) -> Message:
        """Return the message with the cycle by all lines of its invoice, where it needs them.

        A subscription that is still in the cycle knows it itself. Raises GatewayError.
        """
        invoice, opens = message.invoice, message.opens
        if invoice is None or opens is None or message.shows_all:
            return message
        if found is not None and found.period_start == opens.begins:
            return message
        cycle = await self._gateway.cycle_opened_by(invoice.id)
        return replace(message, opens=cycle, shows_all=True)

    async def _reported(self, message: Message) -> bool:
        """Handle a report of bad usage; return False if the gateway is unreachable."""
        try:
            await self._on_meter_report(message.id)
        except GatewayError as fault:
            if not fault.away:
                raise
            self._is_away(str(fault))
            return False
        return True

    def _may_ask(self) -> bool:
        """Return whether to ask the gateway; during an outage one event in `ASK_AGAIN_S` may."""
        mono = self._clock.monotonic()
        if self._away and mono < self._ask_again_at:
            return False
        self._ask_again_at = mono + ASK_AGAIN_S
        return True

    def _is_away(self, reason: str) -> None:
        if not self._away:
            self._away = True
            self._emit(GatewayAway(self._clock.now(), reason))

    def _is_back(self) -> None:
        if self._away:
            self._away = False
            self._sweep_now.set()
            self._emit(GatewayBack(self._clock.now()))


def _says_anything_new(event: WebhookEvent, fetched: FetchedState) -> bool:
    """Return whether applying it adds anything: its own snapshot is applied only once."""
    return fetched.reached or event.state is not EventState.UNCONFIRMED

"""Send the outbox of meter events in order, each exactly once, even across a kill.

A gateway recognizes an identifier again for a limited time only. So an event is claimed in the
store before it is sent; where its arrival stays unknown for longer, the meter's own sums decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from pbxbilling.calls.metering.usage_event import (
    FOR_A_PERSON,
    MeterEvent,
    MeterEventMoved,
    MeterEventsUnparked,
    UsageEventState,
)
from pbxbilling.kernel.errors import GatewayError, RejectedError, StoreError
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import COMMANDS
from pbxbilling.kernel.ports import Clock, EventSink
from pbxbilling.payments.facts import UsageDelayed, UsageResumed, UsageSent
from pbxbilling.payments.payers import Payers, Reach
from pbxbilling.payments.ports import METERS, MeterOutbox, MeterStore, MeterTransaction, UsageMeter
from pbxbilling.runtime.waiting import Backoff, Semaphore, gather, sleep
from pbxbilling.subscriptions.facts import PaymentAlert

BATCH = 40
SIDE_BY_SIDE = 16
PER_S = 300.0  # starts spread out, not in a burst: calls share the event loop
IDLE_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0  # while usage cannot be sent
LOOK_AFTER_S = 30.0
ROOM_AHEAD = timedelta(minutes=1)  # margins to the meter's limits, which go by its clock
ROOM_BACK = timedelta(hours=1)
GUESSED_MOST = timedelta(hours=24)  # how long an estimated end waits for the journal
_NAMED = 20
_AFTER_THE_END = "sent after the subscription's end: look whether its last invoice has it"
_ON_NO_INVOICE = "its subscription had ended, so it would be on no invoice: settle it by hand"
_HOW_TO_LIST = f"`{COMMANDS} usage` lists them"

_Judged = tuple[MeterEvent, MeterEventMoved]  # an event as it was read, and what becomes of it

Known = Callable[[], Mapping[str, datetime | None]]  # until when each PBX's legs are final


class UsageSender:
    """Drains the outbox in one task; a kill in the middle neither loses nor doubles an event."""

    def __init__(
        self,
        meter: UsageMeter,
        outbox: MeterOutbox,
        store: MeterStore,
        payers: Payers,
        known_until: Known,
        clock: Clock,
        emit: EventSink,
    ) -> None:
        self._meter = meter
        self._ahead = meter.limits.ahead - ROOM_AHEAD
        self._known_again = meter.limits.known_again - ROOM_BACK
        self._oldest = meter.limits.oldest - ROOM_BACK
        self._outbox = outbox
        self._store = store
        self._payers = payers
        self._known_until = known_until
        self._clock = clock
        self._emit = emit
        self._pauses = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, Random())  # noqa: S311 - for pauses
        self._held_up = False
        self._looked_after: float | None = None
        self._slots = Semaphore(SIDE_BY_SIDE)

    async def run(self) -> None:
        """Send usage for ever."""
        while True:
            pause_s = await self.round()
            await sleep(pause_s)

    async def round(self) -> float:
        """Send one batch, or look at what waits; return the pause to make after it, in seconds."""
        began = self._clock.monotonic()
        try:
            sent = await self.send_batch()
            if not sent:
                await self._look_after(began)
        except StoreError:
            return self._pauses.next_s()  # the store reports it itself
        except GatewayError as fault:
            self._is_held_up(str(fault))
            return self._pauses.next_s()
        self._goes_on()
        return 0.0 if sent else IDLE_S

    async def send_batch(self) -> int:
        """Send the next due events; return how many were due. Raises GatewayError, StoreError."""
        now = self._clock.now()
        due = await self._outbox.due(now + self._ahead, self._settled(now), BATCH)
        judged = [(event, await self._judged(event, now)) for event in due]
        taken = await self._take(judged)
        await self._send_all([one for one in taken if one[1].state is UsageEventState.SENDING])
        return len(due)

    async def _take(self, judged: Sequence[_Judged]) -> Sequence[_Judged]:
        """Save what was judged of events that are still as they were then, and return those.

        A correction, an operator or another process may have been quicker: the next look has them.
        """
        legs = [event.leg for event, _ in judged]

        async def work(transaction: MeterTransaction) -> tuple[Sequence[_Judged], Sequence[Fact]]:
            now = {event.leg: event for event in await transaction.meters.of_legs(legs)}
            taken = [one for one in judged if now.get(one[0].leg) == one[0]]
            facts = [*self._outcomes(taken)]
            await transaction.write([move for _, move in taken], facts)
            return taken, facts

        if not judged:
            return ()
        taken, facts = await self._store.transact(METERS, work)
        for fact in facts:
            self._emit(fact)
        return taken

    async def _send_all(self, claimed: Sequence[_Judged]) -> None:
        """Start events in order, some side by side, until one cannot go. Raises GatewayError."""
        faults: list[GatewayError] = []
        results = await gather(
            *(self._send(*one, faults, nth / PER_S) for nth, one in enumerate(claimed))
        )
        ended = [
            (event, result)
            for (event, _), result in zip(claimed, results, strict=True)
            if result.state is not UsageEventState.SENDING
        ]
        await self._save(ended)
        if faults:
            raise faults[0]

    def _settled(self, now: datetime) -> datetime:
        """Return the instant before which estimated ends are final: no journal corrects them."""
        longest = now - GUESSED_MOST
        known = self._known_until().values()
        return max(longest, min((until or longest for until in known), default=longest))

    # --- one event -----------------------------------------------------------------------------

    async def _judged(self, event: MeterEvent, now: datetime) -> MeterEventMoved:
        """Return the next state of an event; `sending` claims it."""
        if event.state is UsageEventState.SENDING and self._may_be_forgotten(event, now):
            there = await arrived(event, self._meter, self._outbox)
            if there is None:
                return event.moved(
                    UsageEventState.UNDECIDED,
                    "the meter's sum does not show whether it was counted",
                )
            if there:
                return event.moved(UsageEventState.SENT)
            event = replace(event, tried_at=None)
        if event.state is UsageEventState.WAITING and not event.minutes:
            return event.moved(UsageEventState.SENT)
        if now - event.ended_at > self._oldest and event.tried_at is None:
            days = self._meter.limits.oldest.days
            return event.moved(UsageEventState.TOO_OLD, f"it ended more than {days} days ago")
        customer = event.customer or self._payers.customer(event.tenant)
        if customer is None:
            note = f"its tenant is not a customer at {self._meter.name} yet"
            return event.moved(UsageEventState.PARKED, note)
        return await self._claimed(event, customer, now)

    async def _claimed(self, event: MeterEvent, customer: str, now: datetime) -> MeterEventMoved:
        """Claim an event to be sent, or refuse one that would be on no invoice."""
        where = await self._payers.reach(event, customer)
        if where is Reach.NOWHERE and event.tried_at is None:
            return event.moved(UsageEventState.REFUSED, _ON_NO_INVOICE)
        claimed = replace(
            event,
            customer=customer,
            tried_at=event.tried_at or now,
            attempts=event.attempts + 1,
        )
        note = _AFTER_THE_END if where is not Reach.INVOICE else ""
        return claimed.moved(UsageEventState.SENDING, note)

    def _may_be_forgotten(self, event: MeterEvent, now: datetime) -> bool:
        """Return whether the gateway may have forgotten its identifier, or takes none so old."""
        tried_at = event.tried_at or now
        return now - tried_at > self._known_again or now - event.ended_at > self._oldest

    async def _send(
        self,
        event: MeterEvent,
        claim: MeterEventMoved,
        faults: list[GatewayError],
        after_s: float,
    ) -> MeterEventMoved:
        """Send one event and return its state; `sending` where unknown, with why in `faults`."""
        await sleep(after_s)
        async with self._slots:
            if faults:  # it was never sent, so its state is certain
                return event.moved(event.state)
            try:
                await self._meter.send(event, claim.customer or "")
            except RejectedError as fault:
                return replace(claim, state=UsageEventState.REFUSED, note=str(fault))
            except GatewayError as fault:
                faults.append(fault)
                return claim
        return replace(claim, state=UsageEventState.SENT)

    async def _save(self, moved: Sequence[_Judged], *also: Fact) -> None:
        facts = [*self._outcomes(moved), *also]
        await self._store.commit([move for _, move in moved], facts)
        for fact in facts:
            self._emit(fact)

    def _outcomes(self, moved: Sequence[_Judged]) -> Iterator[Fact]:
        """Yield a fact for each finished event, and one alert for all that are lost alike."""
        at = self._clock.now()
        lost: Counter[tuple[str, UsageEventState]] = Counter()
        late: Counter[str] = Counter()
        for event, move in moved:
            if move.state is UsageEventState.SENT or move.state in FOR_A_PERSON:
                yield UsageSent(at, move.leg, event.tenant, move.minutes, move.state, move.note)
            if move.state in FOR_A_PERSON:
                lost[event.tenant, move.state] += 1
            elif move.state is UsageEventState.SENT and move.note == _AFTER_THE_END:
                late[event.tenant] += 1
        for (tenant, state), number in lost.items():
            yield self._alert(
                tenant, f"usage of {number} calls was not sent ({state}): {_HOW_TO_LIST}"
            )
        for tenant, number in late.items():
            yield self._alert(tenant, f"usage of {number} calls was {_AFTER_THE_END}")

    # --- what waits ----------------------------------------------------------------------------

    async def _look_after(self, mono: float) -> None:
        """Unpark events of tenants that are customers now; alert of legs corrected once sent."""
        if self._looked_after is not None and mono - self._looked_after < LOOK_AFTER_S:
            return
        parked = await self._outbox.parked()
        await self._store.commit(
            [MeterEventsUnparked(slug) for slug in parked if self._payers.customer(slug)]
        )
        for event in await self._outbox.differing(_NAMED):
            note = f"sent as {event.minutes} minutes, but has {event.ledger_minutes} by the journal"
            alert = self._alert(
                event.tenant, f"leg {event.leg} was {note}: adjust it at {self._meter.name}"
            )
            await self._store.commit([event.moved(UsageEventState.SENT, note)], [alert])
            self._emit(alert)
        self._looked_after = mono

    async def reported(self, ident: str) -> None:
        """Mark the events that a gateway's report names as taken, but not usable.

        Raises GatewayError, StoreError.
        """
        report = await self._meter.report(ident)
        bad, name = await self._named(report.samples), self._meter.name
        moved = [
            (
                event,
                event.moved(
                    UsageEventState.REFUSED, f"{name} could not use it: {report.samples[event.leg]}"
                ),
            )
            for event in bad
        ]
        tenants = ", ".join(sorted({event.tenant for event in bad})) or "-"
        note = f"{report.events} meter events were not used: {report.summary}"
        await self._save(moved, self._alert(tenants, note))

    async def _named(self, legs: Collection[str]) -> list[MeterEvent]:
        known = [await self._outbox.event(leg) for leg in legs]
        return [
            event for event in known if event is not None and event.state is UsageEventState.SENT
        ]

    # --- facts ---------------------------------------------------------------------------------

    def _alert(self, tenant: str, note: str) -> PaymentAlert:
        return PaymentAlert(self._clock.now(), f"tenant {tenant}", note)

    def _is_held_up(self, reason: str) -> None:
        if not self._held_up:
            self._held_up = True
            self._emit(UsageDelayed(self._clock.now(), reason))

    def _goes_on(self) -> None:
        self._pauses.reset()
        if self._held_up:
            self._held_up = False
            self._emit(UsageResumed(self._clock.now()))


_MINUTE = timedelta(minutes=1)


async def arrived(event: MeterEvent, meter: UsageMeter, outbox: MeterOutbox) -> bool | None:
    """Return whether the gateway has the event; None where its sum does not tell.

    Compare the customer's sum over the minute in which the leg ended with the minutes that were
    certainly sent, and with those that may have been.
    """
    customer = event.customer or ""
    begins = event.ended_at.replace(second=0, microsecond=0)
    tried = await outbox.tried(customer, begins, begins + _MINUTE)
    there = await meter.minutes(customer, begins, begins + _MINUTE)
    sure = sum(one.minutes for one in tried if one.state is UsageEventState.SENT)
    doubtful = sum(one.minutes for one in tried if one.state is UsageEventState.SENDING)
    if there == sure:
        return False
    return True if there == sure + doubtful else None

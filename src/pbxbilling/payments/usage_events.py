"""Meter events that need an operator: show them, and decide about one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from pbxbilling.accounts.records import Act
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.metering.usage_event import DUE, FOR_A_PERSON, MeterEvent, UsageEventState
from pbxbilling.kernel.audit import Actor, AuditEvent
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.gateway_names import COMMANDS
from pbxbilling.payments.ports import METERS, MeterOutbox, MeterStore, MeterTransaction

_DECIDE = Act(AuditEvent.USAGE_DECIDED, "usage decide")


@dataclass(frozen=True, slots=True)
class UsageEventsView:
    """How many events are not sent, by state; `events` are those to decide and those parked."""

    unsent: Mapping[UsageEventState, int]
    oldest: datetime | None
    events: tuple[MeterEvent, ...]


class UsageEvents:
    """The commands for meter events. Raises StoreError."""

    def __init__(self, outbox: MeterOutbox, store: MeterStore, writer: AccountWriter) -> None:
        self._outbox = outbox
        self._store = store
        self._writer = writer

    async def view(self, tenant: str | None) -> UsageEventsView:
        """Return the events that are not sent; None: of every tenant."""
        backlog = await self._outbox.backlog()
        waiting = await self._outbox.events(*FOR_A_PERSON, UsageEventState.PARKED, tenant=tenant)
        return UsageEventsView(backlog.events, backlog.oldest, tuple(waiting))

    async def unsent(self, tenant: str) -> int:
        """Return how many of a tenant's legs are still to be sent."""
        return len(await self._outbox.events(*DUE, tenant=tenant))

    async def decide(self, leg: str, actor: Actor, *, again: bool) -> MeterEvent:
        """Queue an event to be sent again, or mark it as settled by hand, charged or forgone.

        Raises NotFoundError, and AdministrationError for an event that needs no decision.
        """
        audit = partial(self._writer.audit, _DECIDE, f"leg {leg}", actor)

        async def work(transaction: MeterTransaction) -> MeterEvent:
            event = await self._undecided(transaction.meters, leg)
            state = UsageEventState.WAITING if again else UsageEventState.SENT
            note = "" if again else f"settled by hand ({event.state})"
            tried_at = None if again else event.tried_at
            decided = replace(event, state=state, tried_at=tried_at, note=note)
            row = audit({"state": event.state}, {"state": state}, event.tenant)
            await transaction.write([decided.moved(state, note), row])
            return decided

        return await self._store.transact(METERS, work)

    async def _undecided(self, outbox: MeterOutbox, leg: str) -> MeterEvent:
        event = await outbox.event(leg)
        if event is None:
            msg = f"leg {leg!r} has no meter event; `{COMMANDS} usage` lists those to decide"
            raise NotFoundError(msg)
        if event.state not in FOR_A_PERSON:
            msg = f"leg {leg} is {event.state}: there is nothing to decide"
            raise AdministrationError(msg)
        return event

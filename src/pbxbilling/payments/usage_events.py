"""Meter events that need a person: which there are, and what is decided about one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.calls.metering.usage_event import DUE, FOR_A_PERSON, MeterEvent, UsageEventState
from pbxbilling.kernel.errors import AdministrationError, NotFoundError
from pbxbilling.kernel.gateway_names import COMMANDS
from pbxbilling.payments.ports import MeterOutbox


@dataclass(frozen=True, slots=True)
class UsageEventsView:
    """How many events were not sent, by state, and those that wait for somebody."""

    unsent: Mapping[UsageEventState, int]
    oldest: datetime | None
    events: tuple[MeterEvent, ...]


class UsageEvents:
    """The commands about meter events. Raises StoreError."""

    def __init__(self, outbox: MeterOutbox, writer: AccountWriter) -> None:
        self._outbox = outbox
        self._writer = writer

    async def view(self, tenant: str | None) -> UsageEventsView:
        """What was not sent; None is every tenant's."""
        backlog = await self._outbox.backlog()
        waiting = await self._outbox.events(*FOR_A_PERSON, UsageEventState.PARKED, tenant=tenant)
        return UsageEventsView(backlog.events, backlog.oldest, tuple(waiting))

    async def unsent(self, tenant: str) -> int:
        """How many of a tenant's calls are still to be sent."""
        return len(await self._outbox.events(*DUE, tenant=tenant))

    async def decide(self, leg: str, actor: str, *, again: bool) -> MeterEvent:
        """Send an event once more, or let it be: it is charged, or forgone, by hand.

        Raises NotFoundError, and AdministrationError for one that needs nobody.
        """
        event = await self._outbox.event(leg)
        if event is None:
            msg = f"leg {leg!r} has no meter event; `{COMMANDS} usage` lists those to decide"
            raise NotFoundError(msg)
        if event.state not in FOR_A_PERSON:
            msg = f"leg {leg} is {event.state}: there is nothing to decide"
            raise AdministrationError(msg)
        state = UsageEventState.WAITING if again else UsageEventState.SENT
        note = "" if again else f"settled by hand ({event.state})"
        decided = replace(event, state=state, tried_at=None if again else event.tried_at, note=note)
        async with self._writer.alone:
            audit = self._writer.audit(
                "usage decide", f"leg {leg}", actor, {"state": event.state}, {"state": state}
            )
            await self._writer.write("usage decide", (), actor, [decided.moved(state, note), audit])
        return decided

"""Meter events that need a person: which there are, and what is decided about one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pbxbilling.domain.billed import SavedStatement
from pbxbilling.domain.charging import Charges
from pbxbilling.domain.meter_event import DUE, FOR_A_PERSON, EventState, MeterEvent
from pbxbilling.ports import Bills, MeterOutbox
from pbxbilling.services.errors import AdministrationError, NotKnownError
from pbxbilling.services.write import AccountWriter


@dataclass(frozen=True, slots=True)
class UsageEventsView:
    """How many events were not sent, by state, and those that wait for somebody."""

    unsent: Mapping[EventState, int]
    oldest: datetime | None
    events: tuple[MeterEvent, ...]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A final statement against the meter: whole minutes of its legs, and those that were sent."""

    tenant: str
    month: str
    statement_minutes: int
    sent_minutes: int

    @property
    def agrees(self) -> bool:
        """Whether both say the same."""
        return self.statement_minutes == self.sent_minutes


class UsageEvents:
    """The commands about meter events. Raises StoreError."""

    def __init__(self, outbox: MeterOutbox, bills: Bills, writer: AccountWriter) -> None:
        self._outbox = outbox
        self._bills = bills
        self._writer = writer

    async def view(self, tenant: str | None) -> UsageEventsView:
        """What was not sent; None is every tenant's."""
        backlog = await self._outbox.backlog()
        waiting = await self._outbox.events(*FOR_A_PERSON, EventState.PARKED, tenant=tenant)
        return UsageEventsView(backlog.events, backlog.oldest, tuple(waiting))

    async def unsent(self, tenant: str) -> int:
        """How many of a tenant's calls are still to be sent."""
        return len(await self._outbox.events(*DUE, tenant=tenant))

    async def reconcile(self, month: str) -> list[Reconciled]:
        """Every final statement of a month whose usage was charged by meter events, by tenant."""
        finals = await self._bills.statements(month=month, documents=False)
        return [
            await self._reconciled(saved)
            for saved in finals
            if saved.is_final and self._is_metered(saved)
        ]

    def _is_metered(self, saved: SavedStatement) -> bool:
        tenant = self._writer.book.tenants.get(saved.tenant)
        if tenant is None or tenant.demo:
            return False
        return tenant.charging.at(saved.begins) is Charges.METER_EVENTS

    async def _reconciled(self, saved: SavedStatement) -> Reconciled:
        legs = await self._bills.billed(saved.tenant, month=saved.month, of_month=saved.month)
        seconds = sum(leg.included_s + leg.charged_s for leg in legs)
        sent = await self._outbox.minutes_sent(saved.tenant, saved.begins, saved.ends)
        return Reconciled(saved.tenant, saved.month, seconds // 60, sent)

    async def decide(self, leg: str, actor: str, *, again: bool) -> MeterEvent:
        """Send an event once more, or let it be: it is charged, or forgone, by hand.

        Raises NotKnownError, and AdministrationError for one that needs nobody.
        """
        event = await self._outbox.event(leg)
        if event is None:
            msg = f"leg {leg!r} has no meter event; `pbxbilling stripe usage` lists those to decide"
            raise NotKnownError(msg)
        if event.state not in FOR_A_PERSON:
            msg = f"leg {leg} is {event.state}: there is nothing to decide"
            raise AdministrationError(msg)
        state = EventState.WAITING if again else EventState.SENT
        note = "" if again else f"settled by hand ({event.state})"
        decided = replace(event, state=state, tried_at=None if again else event.tried_at, note=note)
        async with self._writer.alone:
            audit = self._writer.audit(
                "usage decide", f"leg {leg}", actor, {"state": event.state}, {"state": state}
            )
            await self._writer.write("usage decide", (), actor, [decided.moved(state, note), audit])
        return decided

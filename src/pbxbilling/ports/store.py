"""What keeps records, and gives them back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pbxbilling.domain.billed import (
    BilledLeg,
    BillingCycle,
    InvoiceRun,
    OneOffEntry,
    PlanSwitched,
    SavedStatement,
)
from pbxbilling.domain.channel import ChannelKey
from pbxbilling.domain.figures import Charged
from pbxbilling.domain.gateway import Letter, LetterState
from pbxbilling.domain.key_origin import AccountKind, KeyOrigin
from pbxbilling.domain.meter_event import EventState, MeterBacklog, MeterEvent
from pbxbilling.domain.record import Record
from pbxbilling.domain.records import (
    Accounts,
    AuditRecord,
    CallRecord,
    DecisionRecord,
    LegRecord,
    PbxMark,
    UsageRow,
)
from pbxbilling.domain.retention import Chore, Due
from pbxbilling.domain.subscription import Customer, Invoice, Subscription
from pbxbilling.domain.units import UnitsUsed


class Store(Protocol):
    """Keeps records. Every error that the outside causes is a `StoreError`."""

    async def commit(self, records: Sequence[Record]) -> None:
        """Write all of them in one durable transaction, or none."""
        ...

    async def accounts(self) -> Accounts:
        """All plans and tenants."""
        ...

    async def key_origins(self, kind: AccountKind, slug: str) -> list[KeyOrigin]:
        """Who set the keys of a plan or tenant last, by key; of those without one, the file."""
        ...

    async def keys_not_by_file(self) -> list[KeyOrigin]:
        """The keys of all plans and tenants that another than the file set last."""
        ...

    async def open_calls(self) -> list[CallRecord]:
        """Calls that have not ended."""
        ...

    async def open_legs(self) -> list[LegRecord]:
        """Answered trunk legs that have not ended."""
        ...

    async def legs(self, keys: Iterable[ChannelKey]) -> dict[ChannelKey, LegRecord]:
        """What is known of these trunk legs; unknown ones are left out."""
        ...

    async def unowned_legs(self) -> list[LegRecord]:
        """Answered and ended trunk legs that belong to nobody, newest first."""
        ...

    async def estimated_legs(
        self, *, tenant: str | None = None, month: str | None = None
    ) -> list[LegRecord]:
        """Ended legs that are `LegRecord.estimated`, newest first; None does not filter."""
        ...

    async def merges(self, since: datetime) -> Mapping[str, str]:
        """Calls joined to an older one since then: younger id → older id."""
        ...

    async def usage(self, *, tenant: str | None = None, month: str | None = None) -> list[UsageRow]:
        """Usage by tenant, month and direction, ended legs only; None does not filter."""
        ...

    async def decisions(
        self,
        *,
        tenant: str | None = None,
        since: datetime | None = None,
        refused: bool = False,
        limit: int = 1000,
    ) -> list[DecisionRecord]:
        """Decisions, newest first; `refused` keeps those that were or would have been refused."""
        ...

    async def audit(self, *, subject: str | None = None, limit: int = 1000) -> list[AuditRecord]:
        """The audit trail, newest first."""
        ...

    async def marks(self) -> dict[str, PbxMark]:
        """How far each PBX is known."""
        ...


class Mirrors(Protocol):
    """What the store keeps of the payment gateway; raises StoreError as the store does."""

    async def subscription(self, ident: str) -> Subscription | None:
        """One subscription by its id."""
        ...

    async def subscriptions(self, *, tenant: str | None = None) -> list[Subscription]:
        """Subscriptions, the oldest first."""
        ...

    async def customer(self, ident: str) -> Customer | None:
        """One customer by its id."""
        ...

    async def invoices(self, *, tenant: str | None = None, limit: int = 1000) -> list[Invoice]:
        """Invoices, the newest first."""
        ...

    async def letters(self, *states: LetterState, limit: int = 1000) -> list[Letter]:
        """Stored events in any of these states, in the order of their arrival."""
        ...

    async def letter(self, ident: str) -> Letter | None:
        """One stored event by its id."""
        ...

    async def cursor(self, name: str) -> datetime | None:
        """How far something has come; None before its beginning."""
        ...

    async def cycles(self, tenant: str) -> list[BillingCycle]:
        """The cycles that invoices opened, in the order of their beginning."""
        ...


class Bills(Protocol):
    """What the store keeps of statements; raises StoreError as the store does."""

    async def statements(
        self, *, tenant: str | None = None, month: str | None = None, documents: bool = True
    ) -> list[SavedStatement]:
        """Saved statements by tenant, period and number; None does not filter.

        Without `documents` theirs are empty: a list of thousands needs none.
        """
        ...

    async def billed(
        self, tenant: str, *, month: str | None = None, of_month: str | None = None
    ) -> list[BilledLeg]:
        """Legs on final statements in the order of their ends, later statements' copies later."""
        ...

    async def billed_copies(self, keys: Iterable[ChannelKey]) -> list[BilledLeg]:
        """Every copy of these legs on a final statement, earlier statements' first."""
        ...

    async def legs_between(self, tenant: str, begins: datetime, ends: datetime) -> list[LegRecord]:
        """A tenant's answered legs that ended in [begins, ends), in the order of their ends."""
        ...

    async def late_legs(self, tenant: str, begins: datetime, ends: datetime) -> list[LegRecord]:
        """Those of `legs_between` that are on no final statement as they are now."""
        ...

    async def charged(self, month: str) -> list[Charged]:
        """What final statements of periods that begin in a month have, by currency and line."""
        ...

    async def units(self, reference: str) -> UnitsUsed | None:
        """The units that another program told under a reference; None: none."""
        ...

    async def units_between(
        self, tenant: str, begins: datetime, ends: datetime
    ) -> Mapping[str, int]:
        """What a tenant used in [begins, ends), added up by meter."""
        ...

    async def one_offs(self, tenant: str) -> list[OneOffEntry]:
        """A tenant's one-off lines by number."""
        ...

    async def plan_switches(self, tenant: str, since: datetime) -> list[PlanSwitched]:
        """How a tenant's plan changed from then on, in order."""
        ...


class MeterOutbox(Protocol):
    """What the store keeps of meter events; raises StoreError as the store does."""

    async def due(self, until: datetime, settled: datetime, limit: int) -> list[MeterEvent]:
        """Events that can be sent, of legs that ended at `until` at the latest, in that order.

        A leg whose end is estimated must have ended before `settled`.
        """
        ...

    async def event(self, leg: str) -> MeterEvent | None:
        """The event of a leg, `pbx:uniqueid`."""
        ...

    async def events(
        self, *states: EventState, tenant: str | None = None, limit: int = 1000
    ) -> list[MeterEvent]:
        """Events in any of these states that are not `sent`, in the order of their legs' ends."""
        ...

    async def tried(self, customer: str, begins: datetime, ends: datetime) -> list[MeterEvent]:
        """A customer's events of legs that ended in [begins, ends), as far as they were tried."""
        ...

    async def differing(self, limit: int) -> list[MeterEvent]:
        """Sent events whose leg has other minutes by now, of those without a note."""
        ...

    async def parked(self) -> Collection[str]:
        """The tenants that have parked events."""
        ...

    async def backlog(self) -> MeterBacklog:
        """How much has not been sent."""
        ...


class MeteredMinutes(Protocol):
    """What the store keeps of meter events, added up; raises StoreError as the store does."""

    async def minutes(
        self, tenant: str, begins: datetime, ends: datetime
    ) -> Mapping[EventState, int]:
        """Minutes of a tenant's legs that ended in [begins, ends), by how far their events came."""
        ...


class Holdings(Protocol):
    """What the store holds that grows old; raises StoreError as the store does.

    What is still needed is never among it, however old: calls and legs that have not ended, calls
    of such legs, answered legs of a tenant that no final statement has as they are (unless they
    ended before its first one began), legs whose meter event is still to be sent, and events of
    the gateway that are not done with.
    """

    async def count(self, chore: Chore, before: datetime) -> int:
        """How many rows older than `before` there are to do it to."""
        ...

    async def due(
        self,
        chore: Chore,
        since: datetime,
        before: datetime,
        limit: int,
        *,
        tenant: str | None = None,
    ) -> Sequence[Due]:
        """Rows of [since, before) to do it to, the oldest first; of one tenant, where it is named.

        Audit and events belong to none.
        """
        ...

    async def needed(self, tenant: str) -> int:
        """How many of its answered legs a final statement or the meter still needs."""
        ...

    async def redact(self, subject: str, keys: Collection[str]) -> None:
        """Leave these keys out of what the audit trail says of a subject."""
        ...

    async def do(
        self, chore: Chore, before: datetime, keys: Sequence[tuple[str | int, ...]]
    ) -> int:
        """Do it in one transaction to those that are still due; gives how many.

        A leg that is purged goes on counting in `Store.usage`.
        """
        ...


class InvoiceRuns(Protocol):
    """What the store keeps of invoices of usage; raises StoreError as the store does."""

    async def runs(self, month: str | None = None) -> list[InvoiceRun]:
        """What became of them, by tenant and month; None does not filter."""
        ...


class StoreError(Exception):
    """The store cannot serve: the message names the file, the fault and the mend."""

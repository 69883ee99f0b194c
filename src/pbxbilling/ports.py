"""What the services need from outside, as small protocols; adapters and test fakes fit them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

from pbxbilling.domain.billed import (
    BilledLeg,
    BillingCycle,
    InvoiceRun,
    OneOffEntry,
    PlanSwitched,
    SavedStatement,
)
from pbxbilling.domain.channel import ChannelKey
from pbxbilling.domain.facts import Fact
from pbxbilling.domain.figures import Charged
from pbxbilling.domain.gateway import Letter, LetterState
from pbxbilling.domain.meter_event import EventState, MeterBacklog, MeterEvent, MeterReport
from pbxbilling.domain.records import (
    Accounts,
    AuditRecord,
    CallRecord,
    DecisionRecord,
    LegRecord,
    PbxMark,
    Record,
    UsageRow,
)
from pbxbilling.domain.retention import Chore, Due
from pbxbilling.domain.sale import Checkout, GatewayAccount, Order, PriceFound
from pbxbilling.domain.subscription import Customer, Invoice, Subscription
from pbxbilling.domain.tenant import Tenant
from pbxbilling.domain.units import UnitsUsed
from pbxbilling.domain.usage_invoice import InvoiceLine, UsageInvoice


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

    def put(self, record: Record) -> None:
        """Queue one record; records of one key keep their order."""
        ...


class Store(Protocol):
    """Keeps records. Every error that the outside causes is a `StoreError`."""

    async def commit(self, records: Sequence[Record]) -> None:
        """Write all of them in one durable transaction, or none."""
        ...

    async def accounts(self) -> Accounts:
        """All plans and tenants."""
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

    async def minutes_sent(self, tenant: str, begins: datetime, ends: datetime) -> int:
        """Whole minutes that the gateway has of a tenant's legs that ended in [begins, ends)."""
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


T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """A part of a long list, and behind which one the next part begins: None at its end.

    `faults` are of those that could not be understood: they are left out.
    """

    items: Sequence[T]
    after: str | None
    faults: Sequence[str] = ()


class Gateway(Protocol):
    """What a payment gateway knows. All of it may wait, for a limited time; GatewayError else."""

    @property
    def live(self) -> bool:
        """Whether it moves real money."""
        ...

    async def subscription(self, ident: str) -> Subscription | None:
        """A subscription as it is now; None for one that is unknown there."""
        ...

    async def subscriptions(self, after: str | None) -> Page[Subscription]:
        """All subscriptions, ended ones too, a page at a time."""
        ...

    async def events(self, since: datetime, after: str | None) -> Page[Letter]:
        """What happened since then, of the kinds that we use, a page at a time."""
        ...


class Till(Protocol):
    """What can be bought and changed at a payment gateway. All of it as in `Gateway`.

    After an error with `away` an act may have been done all the same; asking for it again is safe.
    """

    async def account(self) -> GatewayAccount:
        """Whose the key is."""
        ...

    async def price(self, ident: str) -> PriceFound | None:
        """A price; None for one that is unknown there, or of the other mode."""
        ...

    async def customer(self, ident: str) -> Customer | None:
        """A customer; None for one that is unknown there, deleted, or of the other mode."""
        ...

    async def create_customer(self, tenant: Tenant) -> Customer:
        """A new customer in place of the one that the tenant has; asked again, the same one."""
        ...

    async def subscriptions_of(self, customer: str) -> Sequence[Subscription]:
        """Those that are not over; one whose first payment is awaited is among them."""
        ...

    async def open_checkouts(self, customer: str) -> Sequence[Checkout]:
        """Pages that somebody could still pay at."""
        ...

    async def checkout(self, order: Order) -> Checkout:
        """A new page to pay an order at."""
        ...

    def fingerprint(self, order: Order) -> str:
        """What tells a page of this very order from one of another."""
        ...

    async def withdraw(self, checkout: str) -> None:
        """Nobody can pay at that page any more."""
        ...

    async def portal(self, customer: str, return_url: str) -> str:
        """A page, good for minutes, where a customer sees to his subscription and invoices."""
        ...

    async def cancel_at_period_end(self, subscription: str, *, on: bool) -> Subscription:
        """Let it run out, or take that back."""
        ...

    async def cancel_now(self, subscription: str) -> Subscription:
        """End it, with usage that no invoice had yet on a last one. Over already: as it is."""
        ...


class UsageMeter(Protocol):
    """What the gateway's meter of whole minutes takes. All of it as in `Gateway`."""

    async def send(self, event: MeterEvent, customer: str) -> None:
        """Send one event; sent again within a day it counts once.

        Raises GatewayError: with `away` whether it arrived is unknown, unless it never left.
        """
        ...

    async def minutes(self, customer: str, begins: datetime, ends: datetime) -> int:
        """The sum of a customer's events in [begins, ends), both on whole minutes."""
        ...

    async def report(self, ident: str) -> MeterReport:
        """What a report of events that could not be used says."""
        ...


class IssuedInvoice(NamedTuple):
    """An invoice of the gateway: `draft` while it can be changed, the keys of its `lines`."""

    id: str
    draft: bool
    total: int
    lines: Sequence[str]


class Invoices(Protocol):
    """Invoices of usage at the gateway. All of it as in `Till`."""

    async def find(self, order: UsageInvoice) -> IssuedInvoice | None:
        """The invoice of that tenant and month, if it was created ever."""
        ...

    async def create(self, order: UsageInvoice) -> IssuedInvoice:
        """A draft of it, without lines."""
        ...

    async def add(self, order: UsageInvoice, invoice: str, line: InvoiceLine) -> None:
        """Put a line on a draft."""
        ...

    async def invoice(self, order: UsageInvoice, ident: str) -> IssuedInvoice:
        """It as it is now."""
        ...

    async def finalize(self, order: UsageInvoice, ident: str) -> None:
        """It is to be paid from now on."""
        ...

    async def send(self, order: UsageInvoice, ident: str) -> None:
        """Have it mailed."""
        ...


class InvoiceRuns(Protocol):
    """What the store keeps of invoices of usage; raises StoreError as the store does."""

    async def runs(self, month: str | None = None) -> list[InvoiceRun]:
        """What became of them, by tenant and month; None does not filter."""
        ...


class GatewayError(Exception):
    """The gateway could not be asked, or did not do it: the message says which, and the mend.

    `away` tells the first from the second: asking again may help.
    """

    def __init__(self, message: str, *, away: bool) -> None:
        super().__init__(message)
        self.away = away


class StoreError(Exception):
    """The store cannot serve: the message names the file, the fault and the mend."""


class PbxControl(Protocol):
    """What we ask a PBX to do."""

    async def channel_exists(self, name: str) -> bool | None:
        """Whether a channel of this name lives; None where the PBX did not answer."""
        ...

    async def absolute_timeout(self, channel: str, seconds: float) -> bool:
        """Hang the channel up that long from now; False where it is gone or nobody answered."""
        ...

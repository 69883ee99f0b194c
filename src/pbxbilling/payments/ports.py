"""The ports to usage and invoices at a payment gateway, and to their state in the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from pbxbilling.calls.metering.usage_event import (
    MeterBacklog,
    MeterEvent,
    MeterReport,
    UsageEventState,
)
from pbxbilling.kernel.gateway_names import GatewayName
from pbxbilling.kernel.ports import RecordStore, Transaction
from pbxbilling.payments.records import InvoiceRun
from pbxbilling.payments.usage_invoice import InvoiceLine, UsageInvoice
from pbxbilling.subscriptions.ports import CheckoutGateway, Gateway, WebhookReader

METERS, INVOICES = "meters", "invoices"  # keys of transactions

T = TypeVar("T")


class MeterLimits(NamedTuple):
    """The most that a gateway's meter takes, in times by its clock."""

    ahead: timedelta  # how far an event may lie in the future
    known_again: timedelta  # for how long an event that is sent again counts once
    oldest: timedelta  # how far an event may lie in the past


class UsageMeter(Protocol):
    """The gateway's meter of whole minutes. Every method may wait and fail as in `Gateway`."""

    @property
    def name(self) -> GatewayName:
        """Return the name of the gateway."""
        ...

    @property
    def limits(self) -> MeterLimits:
        """Return the limits within which it takes events."""
        ...

    async def send(self, event: MeterEvent, customer: str) -> None:
        """Send one event; sent again within `limits.known_again` it counts once.

        Raises GatewayError; with `away` it is unknown whether a request that was sent arrived.
        """
        ...

    async def minutes(self, customer: str, begins: datetime, ends: datetime) -> int:
        """Return the sum of a customer's events in [begins, ends), both on whole minutes."""
        ...

    async def report(self, ident: str) -> MeterReport:
        """Return a report of events that could not be used."""
        ...


class IssuedInvoice(NamedTuple):
    """An invoice at the gateway: `draft` while it can be changed; `lines` are their keys.

    `agrees` says whether its total is the order's, in the unit that the gateway charges; `total` is
    for people, as "29.00 EUR".
    """

    id: str
    draft: bool
    total: str
    agrees: bool
    lines: Sequence[str]


class Invoices(Protocol):
    """Invoices of usage at the gateway. Every method may fail as in `CheckoutGateway`."""

    @property
    def name(self) -> GatewayName:
        """Return the name of the gateway."""
        ...

    async def find(self, order: UsageInvoice) -> IssuedInvoice | None:
        """Return the invoice of that tenant and month; None where it was never created."""
        ...

    async def create(self, order: UsageInvoice) -> IssuedInvoice:
        """Create a draft without lines, and return it."""
        ...

    async def add(self, order: UsageInvoice, invoice: str, line: InvoiceLine) -> None:
        """Add a line to a draft."""
        ...

    async def invoice(self, order: UsageInvoice, ident: str) -> IssuedInvoice:
        """Return the invoice in its present state."""
        ...

    async def finalize(self, order: UsageInvoice, ident: str) -> None:
        """Finalize the draft: the invoice is due from now on."""
        ...

    async def send(self, order: UsageInvoice, ident: str) -> None:
        """Have the gateway mail the invoice."""
        ...


class MeterOutbox(Protocol):
    """The meter events in the store. Raises StoreError."""

    async def due(self, until: datetime, settled: datetime, limit: int) -> list[MeterEvent]:
        """Return events that can be sent, of legs that ended by `until`, in order of their ends.

        A leg whose end is estimated must have ended before `settled`.
        """
        ...

    async def event(self, leg: str) -> MeterEvent | None:
        """Return the event of a leg, `pbx:uniqueid`."""
        ...

    async def of_legs(self, legs: Collection[str]) -> list[MeterEvent]:
        """Return the events of these legs; legs without one are left out."""
        ...

    async def events(
        self, *states: UsageEventState, tenant: str | None = None, limit: int = 1000
    ) -> list[MeterEvent]:
        """Return events in any of these states but `sent`, in the order of their legs' ends."""
        ...

    async def tried(self, customer: str, begins: datetime, ends: datetime) -> list[MeterEvent]:
        """Return a customer's events that were tried, of legs that ended in [begins, ends)."""
        ...

    async def differing(self, limit: int) -> list[MeterEvent]:
        """Return sent events without a note whose leg has different minutes by now."""
        ...

    async def parked(self) -> Collection[str]:
        """Return the tenants that have parked events."""
        ...

    async def backlog(self) -> MeterBacklog:
        """Return how much is not sent yet."""
        ...


class InvoiceRuns(Protocol):
    """The invoice runs in the store. Raises StoreError."""

    async def runs(self, month: str | None = None) -> list[InvoiceRun]:
        """Return the runs by tenant and month; None does not filter."""
        ...

    async def run(self, tenant: str, month: str) -> InvoiceRun | None:
        """Return the run of a tenant's period; None: it has not begun."""
        ...


class MeterTransaction(Transaction, Protocol):
    """A transaction that also reads meter events."""

    @property
    def meters(self) -> MeterOutbox:
        """The meter events, as this transaction sees them with its own writes."""
        ...


class MeterStore(RecordStore, Protocol):
    """Stores meter events; transactions with the key `METERS` exclude one another."""

    async def transact(self, key: str, work: Callable[[MeterTransaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction that reads meter events."""
        ...


class InvoiceTransaction(Transaction, Protocol):
    """A transaction that also reads invoice runs."""

    @property
    def invoice_runs(self) -> InvoiceRuns:
        """The invoice runs, as this transaction sees them with its own writes."""
        ...


class InvoiceStore(RecordStore, Protocol):
    """Stores invoice runs; transactions with the key `INVOICES` exclude one another."""

    async def transact(self, key: str, work: Callable[[InvoiceTransaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction that reads invoice runs."""
        ...


class MeteredMinutes(Protocol):
    """The minutes of the meter events in the store, added up. Raises StoreError."""

    async def minutes(
        self, tenant: str, begins: datetime, ends: datetime
    ) -> Mapping[UsageEventState, int]:
        """Return the minutes of a tenant's legs that ended in [begins, ends), by event state."""
        ...


@dataclass(frozen=True, slots=True)
class PaymentGateway:
    """The five ports of one payment gateway, handed in together."""

    gateway: Gateway
    webhook_reader: WebhookReader
    checkout: CheckoutGateway
    meter: UsageMeter
    invoices: Invoices
    close: Callable[[], Awaitable[None]]  # closes its connections

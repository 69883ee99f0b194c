"""Usage and invoices at a payment gateway, and what the store keeps of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from pbxbilling.calls.metering.usage_event import (
    MeterBacklog,
    MeterEvent,
    MeterReport,
    UsageEventState,
)
from pbxbilling.kernel.gateway_names import GatewayName
from pbxbilling.payments.records import InvoiceRun
from pbxbilling.payments.usage_invoice import InvoiceLine, UsageInvoice
from pbxbilling.subscriptions.ports import CheckoutGateway, Gateway, WebhookReader


class MeterLimits(NamedTuple):
    """What a gateway's meter takes: times by its clock, at the most."""

    ahead: timedelta  # of an event that lies in the future
    known_again: timedelta  # for how long one that is sent again counts once
    oldest: timedelta  # of an event that lies in the past


class UsageMeter(Protocol):
    """What the gateway's meter of whole minutes takes. All of it as in `Gateway`."""

    @property
    def name(self) -> GatewayName:
        """Which gateway it is."""
        ...

    @property
    def limits(self) -> MeterLimits:
        """Up to where it takes events."""
        ...

    async def send(self, event: MeterEvent, customer: str) -> None:
        """Send one event; sent again within `limits.known_again` it counts once.

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
    """Invoices of usage at the gateway. All of it as in `CheckoutGateway`."""

    @property
    def name(self) -> GatewayName:
        """Which gateway it is."""
        ...

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
        self, *states: UsageEventState, tenant: str | None = None, limit: int = 1000
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
    ) -> Mapping[UsageEventState, int]:
        """Minutes of a tenant's legs that ended in [begins, ends), by how far their events came."""
        ...


class InvoiceRuns(Protocol):
    """What the store keeps of invoices of usage; raises StoreError as the store does."""

    async def runs(self, month: str | None = None) -> list[InvoiceRun]:
        """What became of them, by tenant and month; None does not filter."""
        ...


@dataclass(frozen=True, slots=True)
class PaymentGateway:
    """What a gateway's own modules are handed in as."""

    gateway: Gateway
    webhook_reader: WebhookReader
    checkout: CheckoutGateway
    meter: UsageMeter
    invoices: Invoices
    close: Callable[[], Awaitable[None]]  # its connections

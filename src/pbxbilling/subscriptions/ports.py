"""Ports of subscriptions: the payment gateway, its webhooks, and the mirrors in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, Protocol, TypeVar

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.gateway_names import GatewayName
from pbxbilling.subscriptions.adoption.matching import CustomerProfile
from pbxbilling.subscriptions.events import EventState, InvoicedCycle, Message, WebhookEvent
from pbxbilling.subscriptions.order import CheckoutSession, Order
from pbxbilling.subscriptions.subscription import BillingCycle, Customer, Invoice, Subscription

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """A page of a long list; `after` is the cursor to the next page, None at the end.

    `faults` describes items that could not be read and are left out.
    """

    items: Sequence[T]
    after: str | None
    faults: Sequence[str] = ()


class Gateway(Protocol):
    """Reads from a payment gateway. Methods wait a limited time, then raise GatewayError."""

    @property
    def name(self) -> GatewayName:
        """Which gateway it is."""
        ...

    @property
    def live(self) -> bool:
        """Whether it moves real money."""
        ...

    @property
    def events_kept(self) -> timedelta:
        """For how long it lists past events."""
        ...

    async def subscription(self, ident: str) -> Subscription | None:
        """Return a subscription's current state; None: the gateway does not know it."""
        ...

    async def subscriptions(self, after: str | None) -> Page[Subscription]:
        """Return a page of all subscriptions, ended ones too."""
        ...

    async def customers(self, after: str | None) -> Page[CustomerProfile]:
        """Return a page of all customers that are not deleted."""
        ...

    async def unpaid_invoices(self, after: str | None) -> Page[Invoice]:
        """Return a page of all invoices that were sent and are neither paid nor given up."""
        ...

    async def invoice(self, ident: str) -> Invoice | None:
        """Return an invoice's current state; None: the gateway does not know it."""
        ...

    async def cycle_opened_by(self, invoice: str) -> InvoicedCycle | None:
        """Return the cycle that an invoice opens, by all of its lines; None: it opens none."""
        ...

    async def events(self, since: datetime, after: str | None) -> Page[WebhookEvent]:
        """Return a page of events since `since`, of the kinds that we use."""
        ...


class WebhookReader(Protocol):
    """Verifies and parses the webhook requests of a gateway."""

    def verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raise ForgedError unless the gateway signed this body for us, just now.

        `headers` are the request's; look-ups ignore the case of names.
        """
        ...

    def parse(self, body: bytes | str) -> Message:
        """Parse the event in a verified body. Raises UnreadableError."""
        ...


class CheckoutGateway(Protocol):
    """Sells and changes subscriptions at a payment gateway. Waits and errors are as in `Gateway`.

    After an error with `away` the gateway may have acted all the same; repeating a call is safe.
    """

    @property
    def name(self) -> GatewayName:
        """Which gateway it is."""
        ...

    async def customer(self, ident: str) -> Customer | None:
        """Return a customer; None: it is unknown there, deleted, or of the other mode."""
        ...

    async def create_customer(self, tenant: Tenant) -> Customer:
        """Create a customer to replace the tenant's; a repeated call returns the same one."""
        ...

    async def subscriptions_of(self, customer: str) -> Sequence[Subscription]:
        """Return a customer's subscriptions that are not over, also those awaiting payment."""
        ...

    async def open_checkouts(self, customer: str) -> Sequence[CheckoutSession]:
        """Return the sessions that can still be paid."""
        ...

    async def checkout(self, order: Order) -> CheckoutSession:
        """Create a checkout session for an order."""
        ...

    def fingerprint(self, order: Order) -> str:
        """Return a digest that identifies checkout sessions for exactly this order."""
        ...

    async def withdraw(self, checkout: str) -> None:
        """Expire a checkout session, so that it cannot be paid any more."""
        ...

    async def portal(self, customer: str, return_url: str) -> str:
        """Return the URL, valid for minutes, where a customer manages subscription and invoices."""
        ...

    async def cancel_at_period_end(self, subscription: str, *, on: bool) -> Subscription:
        """Set a subscription to end with its paid period (`on`), or to continue."""
        ...

    async def cancel_now(self, subscription: str) -> Subscription:
        """End a subscription, with uninvoiced usage on a last invoice; no change if it is over."""
        ...


class SubscriptionStore(Protocol):
    """Reads mirrors and stored webhook events. Raises StoreError as the store does."""

    async def subscription(self, ident: str) -> Subscription | None:
        """Return a subscription's mirror by its id."""
        ...

    async def subscriptions(self, *, tenant: str | None = None) -> list[Subscription]:
        """Return mirrors of subscriptions, oldest first."""
        ...

    async def customer(self, ident: str) -> Customer | None:
        """Return a customer's mirror by its id."""
        ...

    async def invoices(
        self, *, tenant: str | None = None, status: str | None = None, limit: int = 1000
    ) -> list[Invoice]:
        """Return mirrors of invoices, newest first; None: no filter. `status` is the gateway's."""
        ...

    async def invoice(self, ident: str) -> Invoice | None:
        """Return an invoice's mirror by its id."""
        ...

    async def webhook_events(self, *states: EventState, limit: int = 1000) -> list[WebhookEvent]:
        """Return stored events in any of these states, in order of arrival."""
        ...

    async def webhook_event(self, ident: str) -> WebhookEvent | None:
        """Return a stored event by its id."""
        ...

    async def cycles(self, tenant: str) -> list[BillingCycle]:
        """Return a tenant's cycles that invoices opened, in order of their begins."""
        ...

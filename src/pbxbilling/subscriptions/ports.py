"""A payment gateway as far as subscriptions go, and what the store keeps of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, Protocol, TypeVar

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.gateway_names import GatewayName
from pbxbilling.subscriptions.events import EventState, Message, WebhookEvent
from pbxbilling.subscriptions.order import CheckoutSession, GatewayAccount, Order, PriceFound
from pbxbilling.subscriptions.subscription import BillingCycle, Customer, Invoice, Subscription

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
    def name(self) -> GatewayName:
        """Which gateway it is."""
        ...

    @property
    def live(self) -> bool:
        """Whether it moves real money."""
        ...

    @property
    def events_kept(self) -> timedelta:
        """For how long it lists what happened."""
        ...

    async def subscription(self, ident: str) -> Subscription | None:
        """A subscription as it is now; None for one that is unknown there."""
        ...

    async def subscriptions(self, after: str | None) -> Page[Subscription]:
        """All subscriptions, ended ones too, a page at a time."""
        ...

    async def events(self, since: datetime, after: str | None) -> Page[WebhookEvent]:
        """What happened since then, of the kinds that we use, a page at a time."""
        ...


class WebhookReader(Protocol):
    """What a gateway posts to us: whether it is the gateway's own, and what it says."""

    def verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raise ForgedError unless the gateway signed this body for us, just now.

        `headers` are the request's, found by their names in any case.
        """
        ...

    def parse(self, body: bytes | str) -> Message:
        """Return the event that a verified body tells. Raises UnreadableError."""
        ...


class CheckoutGateway(Protocol):
    """What can be bought and changed at a payment gateway. All of it as in `Gateway`.

    After an error with `away` an act may have been done all the same; asking for it again is safe.
    """

    @property
    def name(self) -> GatewayName:
        """Which gateway it is."""
        ...

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

    async def open_checkouts(self, customer: str) -> Sequence[CheckoutSession]:
        """Pages that somebody could still pay at."""
        ...

    async def checkout(self, order: Order) -> CheckoutSession:
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


class SubscriptionStore(Protocol):
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

    async def webhook_events(self, *states: EventState, limit: int = 1000) -> list[WebhookEvent]:
        """Stored events in any of these states, in the order of their arrival."""
        ...

    async def webhook_event(self, ident: str) -> WebhookEvent | None:
        """One stored event by its id."""
        ...

    async def cycles(self, tenant: str) -> list[BillingCycle]:
        """The cycles that invoices opened, in the order of their beginning."""
        ...

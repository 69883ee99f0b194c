"""The `Gateway` port over Stripe's API: subscriptions, invoices and past events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import orjson

from pbxbilling.gateways.stripe import objects
from pbxbilling.gateways.stripe.client import MissingError, Reply, StripeApi, understood
from pbxbilling.gateways.stripe.cycles import opened
from pbxbilling.gateways.stripe.invoice_lines import with_every_line
from pbxbilling.kernel.errors import UnreadableError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.kernel.ports import Clock
from pbxbilling.subscriptions.adoption.matching import CustomerProfile
from pbxbilling.subscriptions.events import InvoicedCycle, WebhookEvent, stored_event
from pbxbilling.subscriptions.ports import Page
from pbxbilling.subscriptions.subscription import Invoice, Subscription

PAGE = 100  # Stripe's largest page
FETCH_S = 0.7  # the limit for one subscription: a call may wait for its state

T = TypeVar("T")


class StripeGateway:
    """Reads from Stripe. Results are dated by the time of Stripe's clock in the answer."""

    name = STRIPE
    events_kept = timedelta(days=30)  # https://docs.stripe.com/api/events

    def __init__(self, api: StripeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    @property
    def live(self) -> bool:
        """Whether it moves real money."""
        return self._api.live

    async def subscription(self, ident: str) -> Subscription | None:
        """Return a subscription's current state; None: Stripe does not know it."""
        what = f"subscription {ident}"
        request = self._api.v1.subscriptions.retrieve_async(ident)
        try:
            reply = await self._api.call(what, request, FETCH_S)
        except MissingError:
            return None
        return understood(lambda: objects.subscription(reply.object, reply.time_by(self._clock)))

    async def subscriptions(self, after: str | None) -> Page[Subscription]:
        """Return a page of all subscriptions, ended ones too, newest first.

        Stripe compiles a list a moment before dating it. Its snapshots are dated a second earlier,
        so that none overrides a snapshot fetched in between.
        """
        params: dict[str, Any] = {"status": "all", "limit": PAGE}
        reply = await self._listed("subscriptions", self._api.v1.subscriptions, params, after)
        as_of = reply.time_by(self._clock) - timedelta(seconds=1)
        return _page(reply, lambda given: objects.subscription(given, as_of))

    async def customers(self, after: str | None) -> Page[CustomerProfile]:
        """Return a page of all customers that are not deleted, newest first."""
        params: dict[str, Any] = {"limit": PAGE}
        reply = await self._listed("customers", self._api.v1.customers, params, after)
        return _page(reply, objects.profile)

    async def unpaid_invoices(self, after: str | None) -> Page[Invoice]:
        """Return a page of open invoices, newest first."""
        params: dict[str, Any] = {"status": "open", "limit": PAGE}
        reply = await self._listed("open invoices", self._api.v1.invoices, params, after)
        as_of = reply.time_by(self._clock) - timedelta(seconds=1)  # as of `subscriptions`
        return _page(reply, lambda given: objects.invoice(given, as_of))

    async def invoice(self, ident: str) -> Invoice | None:
        """Return an invoice's current state; None: Stripe does not know it."""
        try:
            reply = await self._api.call(
                f"invoice {ident}", self._api.v1.invoices.retrieve_async(ident)
            )
        except MissingError:
            return None
        return understood(lambda: objects.invoice(reply.object, reply.time_by(self._clock)))

    async def cycle_opened_by(self, invoice: str) -> InvoicedCycle | None:
        """Return the cycle that an invoice opens, by all of its lines; None: it opens none."""
        try:
            reply = await self._api.call(
                f"invoice {invoice}", self._api.v1.invoices.retrieve_async(invoice)
            )
        except MissingError:
            return None
        whole = await with_every_line(self._api, reply.object)
        return understood(lambda: opened(whole).cycle)

    async def events(self, since: datetime, after: str | None) -> Page[WebhookEvent]:
        """Return a page of events since `since`, of the kinds that are used, newest first."""
        params: dict[str, Any] = {
            "created": {"gte": int(since.timestamp())},
            "types": list(objects.TOPICS),
            "limit": PAGE,
        }
        reply = await self._listed("events", self._api.v1.events, params, after)
        return _page(reply, lambda given: _webhook_event(given, self._clock.now()))

    async def _listed(
        self, what: str, service: Any, params: dict[str, Any], after: str | None
    ) -> Reply:
        if after is not None:
            params["starting_after"] = after
        return await self._api.call(f"list of {what}", service.list_async(params))


def _webhook_event(given: Mapping[str, Any], received_at: datetime) -> WebhookEvent:
    body = orjson.dumps(given, default=str)
    return stored_event(objects.message(body), body, received_at)


def _page(reply: Reply, read: Callable[[Mapping[str, Any]], T]) -> Page[T]:
    given = understood(lambda: list(reply.object["data"]))
    items: list[T] = []
    faults: list[str] = []
    for one in given:
        try:
            items.append(read(one))
        except UnreadableError as fault:
            faults.append(str(fault))
    more = bool(reply.object.get("has_more")) and bool(given)
    return Page(items, given[-1]["id"] if more else None, faults)

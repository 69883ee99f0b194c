"""The `CheckoutGateway` port by Stripe's API: customers, checkout, portal, cancellations."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import orjson

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.gateways.stripe import checkout_objects as sold
from pbxbilling.gateways.stripe import objects as reading
from pbxbilling.gateways.stripe.client import MissingError, Reply, StripeApi, understood
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.kernel.ports import Clock
from pbxbilling.subscriptions.order import (
    CheckoutSession,
    GatewayAccount,
    Order,
    OrderLine,
    PriceFound,
)
from pbxbilling.subscriptions.subscription import Customer, Subscription

PATIENCE_S = 6.0  # for one request: somebody waits for up to five of them
_MOST = 100  # open pages, and subscriptions, of one customer: Stripe's largest page


class StripeCheckout:
    """Sells by Stripe. Keys, ids and pages of test and of live mode never meet there."""

    name = STRIPE

    def __init__(self, api: StripeApi, clock: Clock, patience_s: float = PATIENCE_S) -> None:
        self._api = api
        self._clock = clock
        self._patience_s = patience_s

    async def account(self) -> GatewayAccount:
        """Whose the key is."""
        reply = await self._call("account", self._api.v1.accounts.retrieve_current_async())
        return understood(lambda: sold.account(reply.object))

    async def price(self, ident: str) -> PriceFound | None:
        """A price; None for one that Stripe does not know in this mode."""
        try:
            reply = await self._call(f"price {ident}", self._api.v1.prices.retrieve_async(ident))
        except MissingError:
            return None
        return understood(lambda: sold.price(reply.object))

    async def customer(self, ident: str) -> Customer | None:
        """A customer that lives; None for any other."""
        request = self._api.v1.customers.retrieve_async(ident)
        try:
            reply = await self._call(f"customer {ident}", request)
        except MissingError:
            return None
        found = understood(lambda: reading.customer(reply.object))
        return None if found.deleted else found

    async def create_customer(self, tenant: Tenant) -> Customer:
        """A new customer; for a day Stripe gives the same one to whoever asks for the same."""
        asked = {
            "name": tenant.name or tenant.slug,
            "email": tenant.email,
            "tax_exempt": "exempt" if tenant.tax_exempt else "",
            "metadata": {reading.TENANT: tenant.slug},
        }
        asked = {key: value for key, value in asked.items() if value}
        once = {"idempotency_key": f"customer-{_digest([tenant.customer, asked])}"}
        request = self._api.v1.customers.create_async(asked, once)
        reply = await self._call(f"customer for tenant {tenant.slug}", request)
        return understood(lambda: reading.customer(reply.object))

    async def subscriptions_of(self, customer: str) -> Sequence[Subscription]:
        """Those that are not over, as old as a list is: see StripeGateway.subscriptions."""
        request = self._api.v1.subscriptions.list_async({"customer": customer, "limit": _MOST})
        try:
            reply = await self._call(f"subscriptions of customer {customer}", request)
        except MissingError:  # a customer of the other mode, or of another account
            return []
        as_of = reply.time_by(self._clock) - timedelta(seconds=1)
        return understood(
            lambda: [
                reading.subscription(given, as_of)
                for given in reply.object["data"]
                if given["status"] not in sold.ENDED
            ]
        )

    async def open_checkouts(self, customer: str) -> Sequence[CheckoutSession]:
        """Sessions that are open."""
        asked = {"customer": customer, "status": "open", "limit": _MOST}
        request = self._api.v1.checkout.sessions.list_async(asked)
        reply = await self._call(f"open checkouts of customer {customer}", request)
        return understood(lambda: [sold.checkout(given) for given in reply.object["data"]])

    async def checkout(self, order: Order) -> CheckoutSession:
        """A new session; the tenant is written wherever an event may be read from."""
        what = f"checkout of plan {order.plan} for tenant {order.tenant}"
        request = self._api.v1.checkout.sessions.create_async(self._session(order))
        reply = await self._call(what, request)
        return understood(lambda: sold.checkout(reply.object))

    def fingerprint(self, order: Order) -> str:
        """A digest of everything in it."""
        return _digest(asdict(order))

    async def withdraw(self, checkout: str) -> None:
        """Expire an open session."""
        request = self._api.v1.checkout.sessions.expire_async(checkout)
        await self._call(f"withdrawal of checkout {checkout}", request)

    async def portal(self, customer: str, return_url: str) -> str:
        """A session of the customer portal; Stripe lets it lapse within minutes."""
        asked = {"customer": customer, "return_url": return_url}
        request = self._api.v1.billing_portal.sessions.create_async(asked)
        reply = await self._call(f"portal for customer {customer}", request)
        return understood(lambda: sold.page_url(reply.object))

    async def cancel_at_period_end(self, subscription: str, *, on: bool) -> Subscription:
        """Let it run out when all that was paid is used up, or take that back."""
        if on:
            return await self._update(subscription, await self._ending(subscription))
        picture = await self._update(subscription, {"cancel_at_period_end": False})
        if picture.cancel_at_period_end:  # a date was set for it
            picture = await self._update(subscription, {"cancel_at": ""})
        return picture

    async def _ending(self, subscription: str) -> dict[str, Any]:
        """How to ask for its end: of a year with usage by the month, that of the year.

        https://docs.stripe.com/changelog/basil/2025-07-30/cancel-at-enums
        """
        request = self._api.v1.subscriptions.retrieve_async(subscription)
        reply = await self._call(f"subscription {subscription}", request)
        if understood(lambda: sold.has_several_periods(reply.object)):
            return {"cancel_at": "max_period_end"}
        return {"cancel_at_period_end": True}

    async def cancel_now(self, subscription: str) -> Subscription:
        """End it; usage that was not invoiced would be lost without `invoice_now`."""
        what = f"end of subscription {subscription}"
        asked = {"invoice_now": True, "prorate": False}
        try:
            request = self._api.v1.subscriptions.cancel_async(subscription, asked)
            reply = await self._call(what, request)
        except MissingError:  # Stripe says so of one that is over, too
            request = self._api.v1.subscriptions.retrieve_async(subscription)
            reply = await self._call(what, request)
        return self._picture(reply)

    async def _update(self, subscription: str, asked: Mapping[str, Any]) -> Subscription:
        request = self._api.v1.subscriptions.update_async(subscription, asked)
        return self._picture(await self._call(f"change of subscription {subscription}", request))

    async def _call(self, what: str, request: Awaitable[Any]) -> Reply:
        return await self._api.call(what, request, self._patience_s)

    def _picture(self, reply: Reply) -> Subscription:
        as_of = reply.time_by(self._clock)
        return understood(lambda: reading.subscription(reply.object, as_of))

    def _session(self, order: Order) -> dict[str, Any]:
        """The parameters of a session: https://docs.stripe.com/api/checkout/sessions/create"""
        told = {
            reading.TENANT: order.tenant,
            sold.PLAN: order.plan,
            sold.CYCLE: order.cycle.value,
        }
        if order.with_setup:
            told[reading.SETUP] = "1"
        subscription: dict[str, Any] = {"metadata": told, "billing_mode": {"type": "flexible"}}
        if order.trial_days:
            subscription["trial_period_days"] = order.trial_days
        return {
            "mode": "subscription",
            "customer": order.customer,
            "client_reference_id": order.tenant,
            "line_items": [_line(line) for line in order.lines],
            "metadata": {**told, sold.ORDER: self.fingerprint(order)},
            "subscription_data": subscription,
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
        }


def _line(line: OrderLine) -> dict[str, Any]:
    return {"price": line.price} if line.metered else {"price": line.price, "quantity": 1}


def _digest(of: Any) -> str:
    return hashlib.sha256(orjson.dumps(of, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]

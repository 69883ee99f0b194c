"""The `CheckoutGateway` port over Stripe's API: customers, checkout, portal, cancellations."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import orjson

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.gateways.stripe import checkout_objects, objects
from pbxbilling.gateways.stripe.client import MissingError, Reply, StripeApi, understood
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.kernel.ports import Clock
from pbxbilling.subscriptions.order import CheckoutSession, Order, OrderLine
from pbxbilling.subscriptions.subscription import Customer, Subscription

PATIENCE_S = 6.0  # for one request: a person may wait for up to five in a row
_MOST = 100  # open sessions, and subscriptions, of one customer: Stripe's largest page


class StripeCheckout:
    """Sells through Stripe, where keys, ids and pages of test and live mode never mix."""

    name = STRIPE

    def __init__(self, api: StripeApi, clock: Clock, patience_s: float = PATIENCE_S) -> None:
        self._api = api
        self._clock = clock
        self._patience_s = patience_s

    async def customer(self, ident: str) -> Customer | None:
        """Return a customer; None: it is deleted, or unknown in this mode."""
        request = self._api.v1.customers.retrieve_async(ident)
        try:
            reply = await self._call(f"customer {ident}", request)
        except MissingError:
            return None
        found = understood(lambda: objects.customer(reply.object))
        return None if found.deleted else found

    async def create_customer(self, tenant: Tenant) -> Customer:
        """Create a customer; for a day a repeated call returns the same one (idempotency key)."""
        params = {
            "name": tenant.name or tenant.slug,
            "email": tenant.email,
            "tax_exempt": "exempt" if tenant.tax_exempt else "",
            "metadata": {objects.TENANT: tenant.slug},
        }
        params = {key: value for key, value in params.items() if value}
        once = {"idempotency_key": f"customer-{_digest([tenant.customer, params])}"}
        request = self._api.v1.customers.create_async(params, once)
        reply = await self._call(f"customer for tenant {tenant.slug}", request)
        return understood(lambda: objects.customer(reply.object))

    async def subscriptions_of(self, customer: str) -> Sequence[Subscription]:
        """Return those that are not over, dated a second early: see StripeGateway.subscriptions."""
        request = self._api.v1.subscriptions.list_async({"customer": customer, "limit": _MOST})
        try:
            reply = await self._call(f"subscriptions of customer {customer}", request)
        except MissingError:  # a customer of the other mode, or of another account
            return []
        as_of = reply.time_by(self._clock) - timedelta(seconds=1)
        return understood(
            lambda: [
                objects.subscription(given, as_of)
                for given in reply.object["data"]
                if given["status"] not in checkout_objects.ENDED
            ]
        )

    async def open_checkouts(self, customer: str) -> Sequence[CheckoutSession]:
        """Return a customer's open sessions."""
        params = {"customer": customer, "status": "open", "limit": _MOST}
        request = self._api.v1.checkout.sessions.list_async(params)
        reply = await self._call(f"open checkouts of customer {customer}", request)
        return understood(
            lambda: [checkout_objects.checkout(given) for given in reply.object["data"]]
        )

    async def checkout(self, order: Order) -> CheckoutSession:
        """Create a session; the tenant is in every object that an event may carry."""
        what = f"checkout of plan {order.plan} for tenant {order.tenant}"
        request = self._api.v1.checkout.sessions.create_async(self._session(order))
        reply = await self._call(what, request)
        return understood(lambda: checkout_objects.checkout(reply.object))

    def fingerprint(self, order: Order) -> str:
        """Return a digest of everything in the order."""
        return _digest(asdict(order))

    async def withdraw(self, checkout: str) -> None:
        """Expire an open session."""
        request = self._api.v1.checkout.sessions.expire_async(checkout)
        await self._call(f"withdrawal of checkout {checkout}", request)

    async def portal(self, customer: str, return_url: str) -> str:
        """Create a session of the customer portal and return its URL; it expires within minutes."""
        params = {"customer": customer, "return_url": return_url}
        request = self._api.v1.billing_portal.sessions.create_async(params)
        reply = await self._call(f"portal for customer {customer}", request)
        return understood(lambda: checkout_objects.page_url(reply.object))

    async def cancel_at_period_end(self, subscription: str, *, on: bool) -> Subscription:
        """Set a subscription to end when everything paid for is used up, or to continue."""
        if on:
            return await self._update(subscription, await self._ending(subscription))
        updated = await self._update(subscription, {"cancel_at_period_end": False})
        if updated.cancel_at_period_end:  # it was set to end by a date (`cancel_at`)
            updated = await self._update(subscription, {"cancel_at": ""})
        return updated

    async def _ending(self, subscription: str) -> dict[str, Any]:
        """Return the parameters that end a subscription with its longest paid period.

        A yearly price with monthly usage has several periods; it ends with the year:
        https://docs.stripe.com/changelog/basil/2025-07-30/cancel-at-enums
        """
        request = self._api.v1.subscriptions.retrieve_async(subscription)
        reply = await self._call(f"subscription {subscription}", request)
        if understood(lambda: checkout_objects.has_several_periods(reply.object)):
            return {"cancel_at": "max_period_end"}
        return {"cancel_at_period_end": True}

    async def cancel_now(self, subscription: str) -> Subscription:
        """End a subscription now; without `invoice_now`, uninvoiced usage would be lost."""
        what = f"end of subscription {subscription}"
        params = {"invoice_now": True, "prorate": False}
        try:
            request = self._api.v1.subscriptions.cancel_async(subscription, params)
            reply = await self._call(what, request)
        except MissingError:  # Stripe also answers this for one that is over
            request = self._api.v1.subscriptions.retrieve_async(subscription)
            reply = await self._call(what, request)
        return self._subscription(reply)

    async def _update(self, subscription: str, params: Mapping[str, Any]) -> Subscription:
        request = self._api.v1.subscriptions.update_async(subscription, params)
        return self._subscription(
            await self._call(f"change of subscription {subscription}", request)
        )

    async def _call(self, what: str, request: Awaitable[Any]) -> Reply:
        return await self._api.call(what, request, self._patience_s)

    def _subscription(self, reply: Reply) -> Subscription:
        as_of = reply.time_by(self._clock)
        return understood(lambda: objects.subscription(reply.object, as_of))

    def _session(self, order: Order) -> dict[str, Any]:
        """Build a session's parameters: https://docs.stripe.com/api/checkout/sessions/create"""
        metadata = {
            objects.TENANT: order.tenant,
            checkout_objects.PLAN: order.plan,
            checkout_objects.CYCLE: order.cycle.value,
        }
        if order.with_setup:
            metadata[objects.SETUP] = "1"
        subscription: dict[str, Any] = {"metadata": metadata, "billing_mode": {"type": "flexible"}}
        if order.trial_days:
            subscription["trial_period_days"] = order.trial_days
        return {
            "mode": "subscription",
            "customer": order.customer,
            "client_reference_id": order.tenant,
            "line_items": [_line(line) for line in order.lines],
            "metadata": {**metadata, checkout_objects.ORDER: self.fingerprint(order)},
            "subscription_data": subscription,
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
        }


def _line(line: OrderLine) -> dict[str, Any]:
    return {"price": line.price} if line.metered else {"price": line.price, "quantity": 1}


def _digest(of: Any) -> str:
    return hashlib.sha256(orjson.dumps(of, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]

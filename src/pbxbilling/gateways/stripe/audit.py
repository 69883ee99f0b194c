"""Read what an account of Stripe charges, allows and posts, for `stripe check`. Changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from pbxbilling.gateways.stripe import audit_objects
from pbxbilling.gateways.stripe.audit_objects import (
    AccountFound,
    EndpointFound,
    MeterFound,
    PortalFound,
    PriceFound,
)
from pbxbilling.gateways.stripe.client import MissingError, StripeApi, understood
from pbxbilling.gateways.stripe.reading import Object

_MOST = 100  # Stripe's largest page; an account has at most 16 endpoints

T = TypeVar("T")


class StripeAudit:
    """Reads from one account. Raises GatewayError."""

    def __init__(self, api: StripeApi) -> None:
        self._api = api

    async def account(self) -> AccountFound:
        """Return the account that the key belongs to."""
        reply = await self._api.call("account", self._api.v1.accounts.retrieve_current_async())
        return understood(lambda: audit_objects.account(reply.object))

    async def price(self, ident: str) -> PriceFound | None:
        """Return a price with its tiers; None: Stripe does not know it in this mode."""
        request = self._api.v1.prices.retrieve_async(ident, {"expand": ["tiers"]})
        return await self._one(f"price {ident}", request, audit_objects.price)

    async def meter(self, ident: str) -> MeterFound | None:
        """Return a meter; None: Stripe does not know it in this mode."""
        request = self._api.v1.billing.meters.retrieve_async(ident)
        return await self._one(f"meter {ident}", request, audit_objects.meter)

    async def portal(self) -> PortalFound | None:
        """Return the portal's default configuration, which our links use; None: there is none."""
        params = {"is_default": True, "active": True, "limit": 1}
        request = self._api.v1.billing_portal.configurations.list_async(params)
        found = await self._all("portal configuration", request, audit_objects.portal)
        return found[0] if found else None

    async def endpoints(self) -> Sequence[EndpointFound]:
        """Return the endpoints of the account for events of API v1."""
        request = self._api.v1.webhook_endpoints.list_async({"limit": _MOST})
        return await self._all("webhook endpoints", request, audit_objects.endpoint)

    async def thin_endpoints(self) -> Sequence[EndpointFound]:
        """Return the endpoints of the account for thin events, those of API v2."""
        params = {"limit": _MOST, "include": ["webhook_endpoint.url"]}
        request = self._api.v2.core.event_destinations.list_async(params)
        reply = await self._api.call("event destinations", request)
        return understood(
            lambda: [
                audit_objects.endpoint(given)
                for given in reply.object["data"]
                if given["type"] == "webhook_endpoint" and given["event_payload"] == "thin"
            ]
        )

    async def _one(
        self, what: str, request: Awaitable[Any], read: Callable[[Object], T]
    ) -> T | None:
        try:
            reply = await self._api.call(what, request)
        except MissingError:
            return None
        return understood(lambda: read(reply.object))

    async def _all(
        self, what: str, request: Awaitable[Any], read: Callable[[Object], T]
    ) -> list[T]:
        reply = await self._api.call(what, request)
        return understood(lambda: [read(given) for given in reply.object["data"]])

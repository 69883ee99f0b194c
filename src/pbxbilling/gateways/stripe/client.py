"""Call Stripe's API through its own package, with our time limits and our errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar

import aiohttp
import stripe

from pbxbilling.gateways.stripe.reading import parsing
from pbxbilling.kernel.errors import GatewayError, RejectedError, UnreadableError
from pbxbilling.kernel.ports import Clock

T = TypeVar("T")

_ALREADY = "already exists with identifier"  # for a meter event: this error has no code
PATIENCE_S = 10.0  # the limit while a person waits; the package's own is 80 s


class Reply(NamedTuple):
    """An answer of Stripe, and its time by Stripe's clock (None: not stated)."""

    object: dict[str, Any]
    at: datetime | None

    def time_by(self, clock: Clock) -> datetime:
        """Return when the answer was true: Stripe's time, else `clock`'s, in whole seconds."""
        return self.at or clock.now().astimezone(UTC).replace(microsecond=0)


class MissingError(GatewayError):
    """Stripe knows no object with that id."""


class AlreadyThereError(RejectedError):
    """The meter event already exists: Stripe has one with that identifier."""


class KeyRefusedError(GatewayError):
    """Stripe refuses the key."""


class StripeApi:
    """The API of one account. `live` says whether the key is for real money."""

    def __init__(self, key: str, base: str | None = None) -> None:
        """`base` replaces https://api.stripe.com, for tests."""
        self.live = is_live(key)
        self._http = stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=PATIENCE_S))
        self._client = stripe.StripeClient(
            key,
            http_client=self._http,
            base_addresses={"api": base} if base else None,
            max_network_retries=0,  # the caller knows whether there is time for a retry
        )

    @property
    def v1(self) -> Any:
        """The package's services; typed Any, since its types are looser than `call`'s result."""
        return self._client.v1

    @property
    def v2(self) -> Any:
        """The package's services of API v2, typed Any as `v1` is."""
        return self._client.v2

    async def event_v2(self, ident: str) -> Any:
        """Fetch an event of API v2 with its data, which webhooks lack; await it through `call`."""
        answer = await self._client.raw_request_async("get", f"/v2/core/events/{ident}")
        return self._client.deserialize(answer, api_mode="V2")

    async def close(self) -> None:
        """Close the client's connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library has no types there

    async def call(self, what: str, request: Awaitable[Any], limit_s: float = PATIENCE_S) -> Reply:
        """Await one request of `v1`; `what` names it in error messages.

        Raises GatewayError, MissingError where the object does not exist.
        """
        try:
            async with asyncio.timeout(limit_s):
                answer = await request
        except TimeoutError as fault:
            msg = f"{what}: Stripe did not answer within {limit_s:g} s: try again later"
            raise GatewayError(msg, away=True) from fault
        except stripe.StripeError as fault:
            raise _translate(what, fault) from fault
        except (aiohttp.ClientError, ValueError, TypeError, AttributeError) as fault:
            msg = f"{what}: Stripe's answer cannot be read ({type(fault).__name__})"
            raise GatewayError(msg, away=True) from fault
        return Reply(answer.to_dict(), _date_of(answer))


def understood(read: Callable[[], T]) -> T:
    """Return the result of `read`. Raises GatewayError where it cannot parse the answer."""
    try:
        with parsing("answer"):
            return read()
    except UnreadableError as fault:
        msg = f"Stripe's answer cannot be read: {fault}"
        raise GatewayError(msg, away=False) from fault


def is_live(key: str) -> bool:
    """Return whether a key is for real money: sk_live_… or rk_live_…"""
    return key.partition("_")[2].startswith("live_")


def _translate(what: str, fault: stripe.StripeError) -> GatewayError:
    """Translate a Stripe error for an operator; Stripe's messages never hold a whole key."""
    words = fault.user_message or type(fault).__name__
    if isinstance(fault, stripe.AuthenticationError):
        msg = f"{what}: Stripe refuses the key: put the right one into stripe.secret_key_file"
        return KeyRefusedError(msg, away=False)
    if isinstance(fault, stripe.InvalidRequestError) and fault.code == "resource_missing":
        return MissingError(f"{what}: {words}", away=False)
    if isinstance(fault, stripe.InvalidRequestError):
        kind = AlreadyThereError if _ALREADY in words else RejectedError
        return kind(f"{what}: Stripe says: {words}", away=False)
    if isinstance(fault, stripe.APIConnectionError):
        return GatewayError(f"{what}: Stripe cannot be reached: try again later", away=True)
    status = fault.http_status or 0
    away = status >= 500 or status == 429 or isinstance(fault, stripe.APIError)
    return GatewayError(f"{what}: Stripe says: {words}", away=away)


def _date_of(answer: Any) -> datetime | None:
    headers = getattr(getattr(answer, "last_response", None), "headers", None) or {}
    try:
        return parsedate_to_datetime(headers.get("Date", "")).astimezone(UTC)
    except (TypeError, ValueError):
        return None

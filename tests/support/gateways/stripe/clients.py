"""Clients of a Stripe fake that leave no connection open: the package's, and ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import stripe

from pbxbilling.gateways.stripe.client import StripeApi
from rig.fakestripe import TEST_KEY
from rig.waiting import patience_s


@contextmanager
def client_of(
    url: str, key: str = TEST_KEY, timeout_s: float = 30.0
) -> Iterator[stripe.StripeClient]:
    """Yield the package's own client, without retries."""
    http: Any = stripe.RequestsClient(timeout=patience_s(timeout_s))
    try:
        yield stripe.StripeClient(
            key, http_client=http, base_addresses={"api": url}, max_network_retries=0
        )
    finally:
        http.close()


@asynccontextmanager
async def api_of(url: str, key: str = TEST_KEY) -> AsyncIterator[StripeApi]:
    """Yield the daemon's client."""
    api = StripeApi(key, url)
    try:
        yield api
    finally:
        await api.close()

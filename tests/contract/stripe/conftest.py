"""The counterparts, each with the stripe package's own client for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import stripe

from rig.fakestripe import TEST_KEY, FakeStripe
from rig.localstripe import LocalStripe


@contextmanager
def client_of(
    url: str, key: str = TEST_KEY, timeout_s: float = 5.0
) -> Iterator[stripe.StripeClient]:
    """A client that asks once, and leaves no socket open."""
    http: Any = stripe.RequestsClient(timeout=timeout_s)
    try:
        yield stripe.StripeClient(
            key, http_client=http, base_addresses={"api": url}, max_network_retries=0
        )
    finally:
        http.close()


@pytest.fixture(scope="module")
def local() -> Iterator[LocalStripe]:
    with LocalStripe() as running:
        yield running


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as running:
        yield running


@pytest.fixture
def client(fake: FakeStripe) -> Iterator[stripe.StripeClient]:
    with client_of(fake.url) as made:
        yield made

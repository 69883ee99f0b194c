"""Fixtures: the fakes, the stripe package's own client for ours, and the daemon's client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import stripe

from pbxbilling.gateways.stripe.client import StripeApi
from rig.fakestripe import FakeStripe
from rig.localstripe import LocalStripe
from tests.support.gateways.stripe.clients import api_of, client_of


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


@pytest.fixture
async def api(fake: FakeStripe) -> AsyncIterator[StripeApi]:
    async with api_of(fake.url) as made:
        yield made

"""The part of the checkout gateway that third-party localstripe can do: customers, and ends."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.gateways.stripe import client
from pbxbilling.gateways.stripe.checkout import StripeCheckout
from pbxbilling.runtime.clock import SystemClock
from rig.localstripe import KEY, LocalStripe
from tests.support.gateways.stripe.clients import api_of

PATIENCE_S = 60.0  # localstripe takes its time on a busy machine


@pytest.fixture
async def checkout_gateway(
    local: LocalStripe, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StripeCheckout]:
    monkeypatch.setattr(client, "PATIENCE_S", PATIENCE_S)
    async with api_of(local.url, KEY) as api:
        yield StripeCheckout(api, SystemClock(), PATIENCE_S)


async def test_a_customer_carries_its_tenant(checkout_gateway: StripeCheckout) -> None:
    made = await checkout_gateway.create_customer(
        Tenant("acme", "starter", email="billing@acme.example")
    )
    assert (made.tenant, made.email, made.live) == ("acme", "billing@acme.example", False)
    assert await checkout_gateway.customer(made.id) == made


async def test_a_subscription_is_found_until_it_is_over(
    checkout_gateway: StripeCheckout, local: LocalStripe
) -> None:
    customer, bought = local.subscribed_tenant("acme")
    (found,) = await checkout_gateway.subscriptions_of(customer)
    assert (found.id, found.status, found.tenant) == (bought, Status.ACTIVE, "acme")
    assert (await checkout_gateway.cancel_now(bought)).is_over
    assert (await checkout_gateway.cancel_now(bought)).is_over
    assert await checkout_gateway.subscriptions_of(customer) == []


async def test_an_end_is_asked_for_and_taken_back(
    checkout_gateway: StripeCheckout, local: LocalStripe
) -> None:
    _, bought = local.subscribed_tenant("acme")
    for on in (True, False):
        picture = await checkout_gateway.cancel_at_period_end(bought, on=on)
        assert (picture.cancel_at_period_end, picture.status) == (on, Status.ACTIVE)

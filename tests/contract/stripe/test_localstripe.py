"""localstripe and the stripe package understand each other, on which all tests with it rely."""

from __future__ import annotations

import pytest
import stripe

from rig.localstripe import DECLINED_CARD, LocalStripe
from tests.support.gateways.webhooks import receiver

SECRET = "whsec_rig"


def test_a_signed_webhook_verifies_on_the_raw_body(local: LocalStripe) -> None:
    with receiver() as received:
        local.webhook(received.url, SECRET)
        _, subscription = local.subscribed_tenant("acme")
        created = received.await_type("customer.subscription.created", about=subscription)
        local.cancel_now(subscription)
        deleted = received.await_type("customer.subscription.deleted", about=subscription)
    for one in (created, deleted):
        assert stripe.WebhookSignature.verify_header(one.body, one.signature, SECRET, 300)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(created.body + b" ", created.signature, SECRET, 300)


def test_a_subscription_names_its_tenant_and_follows_its_card(local: LocalStripe) -> None:
    _, subscription = local.subscribed_tenant("globex")
    found = local.client.v1.subscriptions.retrieve(subscription)
    assert (found.status, found.metadata["tenant"]) == ("active", "globex")
    poor = local.create_customer("initech")
    local.add_card(poor, DECLINED_CARD)
    unpaid = local.subscribe(poor, local.create_plan(), "initech")
    assert local.client.v1.subscriptions.retrieve(unpaid).status == "incomplete"


def test_a_cancelled_subscription_is_listed_only_when_all_are_asked_for(local: LocalStripe) -> None:
    customer, subscription = local.subscribed_tenant("acme")
    local.cancel_at_period_end(subscription)
    assert local.client.v1.subscriptions.retrieve(subscription).cancel_at_period_end
    local.cancel_now(subscription)
    assert not local.client.v1.subscriptions.list({"customer": customer}).data
    (found,) = local.client.v1.subscriptions.list({"customer": customer, "status": "all"}).data
    assert (found.id, found.status) == (subscription, "canceled")

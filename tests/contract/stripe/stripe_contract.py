"""The contract of every stand-in for Stripe, seen through the stripe package alone.

It holds our fake to what localstripe, a third party's, does as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import stripe

from tests.support.gateways.stripe.clients import client_of
from tests.support.gateways.webhooks import receiver

SECRET = "whsec_contract"
PRICE = 1000


class Counterpart(ABC):
    """One stand-in for Stripe, with actions that the package cannot do to both alike."""

    url: str

    @abstractmethod
    def subscribed(self, tenant: str, *, paid: bool = True) -> tuple[str, str]:
        """Return a customer and a new monthly subscription of `PRICE`, with tenant metadata.

        Not `paid`: the card was declined.
        """

    @abstractmethod
    def webhook(self, url: str, secret: str) -> None:
        """Post events there from now on."""


class StripeContract:
    """One suite for localstripe and for our own fake."""

    # Derived classes have a fixture `counterpart`. Objects of earlier tests may still exist.

    @pytest.fixture
    def client(self, counterpart: Counterpart) -> Iterator[stripe.StripeClient]:
        """Yield the package's client for it."""
        with client_of(counterpart.url) as made:
            yield made

    def test_a_subscription_is_fetched_with_its_tenant_customer_and_price(
        self, counterpart: Counterpart, client: stripe.StripeClient
    ) -> None:
        customer, subscription = counterpart.subscribed("acme")
        found = client.v1.subscriptions.retrieve(subscription)
        assert (found.id, found.customer, found.status) == (subscription, customer, "active")
        assert found.metadata.to_dict() == {"tenant": "acme"}
        assert not found.livemode
        assert [item.plan.amount for item in found["items"].data] == [PRICE]

    def test_a_declined_first_payment_leaves_it_incomplete(
        self, counterpart: Counterpart, client: stripe.StripeClient
    ) -> None:
        _, subscription = counterpart.subscribed("acme", paid=False)
        assert client.v1.subscriptions.retrieve(subscription).status == "incomplete"

    def test_pages_of_subscriptions_join_without_gap_or_repetition(
        self, counterpart: Counterpart, client: stripe.StripeClient
    ) -> None:
        made = {counterpart.subscribed("acme")[1] for _ in range(5)}
        first = client.v1.subscriptions.list({"status": "all", "limit": 2})
        assert first.has_more
        ids = [one.id for one in first.auto_paging_iter()]
        assert made <= set(ids)
        assert len(ids) == len(set(ids))

    def test_cancelled_at_the_end_it_stays_active_until_then(
        self, counterpart: Counterpart, client: stripe.StripeClient
    ) -> None:
        _, subscription = counterpart.subscribed("acme")
        client.v1.subscriptions.update(subscription, {"cancel_at_period_end": True})
        found = client.v1.subscriptions.retrieve(subscription)
        assert (found.status, found.cancel_at_period_end) == ("active", True)
        client.v1.subscriptions.update(subscription, {"cancel_at_period_end": False})
        assert not client.v1.subscriptions.retrieve(subscription).cancel_at_period_end

    def test_cancelled_now_it_is_found_and_listed_only_among_all(
        self, counterpart: Counterpart, client: stripe.StripeClient
    ) -> None:
        customer, subscription = counterpart.subscribed("acme")
        assert client.v1.subscriptions.cancel(subscription).status == "canceled"
        found = client.v1.subscriptions.retrieve(subscription)
        assert found.status == "canceled"
        assert found.ended_at
        assert client.v1.subscriptions.list({"customer": customer}).data == []
        (listed,) = client.v1.subscriptions.list({"customer": customer, "status": "all"}).data
        assert listed.id == subscription

    def test_the_first_invoice_is_paid_and_listed(
        self, counterpart: Counterpart, client: stripe.StripeClient
    ) -> None:
        customer, subscription = counterpart.subscribed("acme")
        (invoice,) = client.v1.invoices.list({"customer": customer}).data
        assert (invoice.status, invoice.total, invoice.amount_paid) == ("paid", PRICE, PRICE)
        assert client.v1.invoices.retrieve(invoice.id).id == invoice.id
        assert client.v1.subscriptions.retrieve(subscription).latest_invoice == invoice.id

    def test_a_customer_keeps_what_it_was_made_with(
        self, counterpart: Counterpart, client: stripe.StripeClient
    ) -> None:
        params: Any = {"email": "a@acme.example", "name": "Acme", "metadata": {"tenant": "acme"}}
        made = client.v1.customers.create(params)
        client.v1.customers.update(made.id, {"metadata": {"plan": "pro"}})
        found = client.v1.customers.retrieve(made.id)
        assert (found.email, found.name) == ("a@acme.example", "Acme")
        assert found.metadata is not None
        assert found.metadata.to_dict() == {"tenant": "acme", "plan": "pro"}

    def test_events_are_listed_with_the_object_as_it_was(
        self, counterpart: Counterpart, client: stripe.StripeClient
    ) -> None:
        _, subscription = counterpart.subscribed("acme")
        client.v1.subscriptions.cancel(subscription)
        told = {
            event.type: event.data.object["status"]
            for event in client.v1.events.list({"limit": 100}).auto_paging_iter()
            if event.data.object["id"] == subscription
        }
        assert "customer.subscription.created" in told
        assert told["customer.subscription.deleted"] == "canceled"

    def test_webhooks_verify_on_the_raw_body_and_are_listed_events(
        self, counterpart: Counterpart, client: stripe.StripeClient
    ) -> None:
        with receiver() as received:
            counterpart.webhook(received.url, SECRET)
            _, subscription = counterpart.subscribed("acme")
            client.v1.subscriptions.cancel(subscription)
            wanted = ("customer.subscription.created", "customer.subscription.deleted")
            posts = [received.await_type(kind, about=subscription) for kind in wanted]
        for post in posts:
            assert stripe.WebhookSignature.verify_header(post.body, post.signature, SECRET, 300)
            body = orjson.loads(post.body)
            assert client.v1.events.retrieve(body["id"]).type == post.type

    def test_what_is_not_there_is_404(
        self, counterpart: Counterpart, client: stripe.StripeClient
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.subscriptions.retrieve("sub_none")
        assert refused.value.http_status == 404

    def test_a_key_that_is_none_is_refused(self, counterpart: Counterpart) -> None:
        with (
            client_of(counterpart.url, "none") as stranger,
            pytest.raises(stripe.AuthenticationError),
        ):
            stranger.v1.customers.list()

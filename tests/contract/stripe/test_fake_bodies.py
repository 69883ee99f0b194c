"""The fake's bodies have the shape of the stripe package's types through all changes."""

from __future__ import annotations

from datetime import UTC, datetime

import stripe

from rig.fakestripe import FakeStripe
from tests.contract.stripe.shapes import misshapen

KINDS = ("customer", "price", "subscription", "invoice", "checkout.session", "event")


def _a_full_life(fake: FakeStripe, client: stripe.StripeClient) -> None:
    """Run everything that creates or changes a body."""
    meter = fake.create_meter()
    flat, setup = fake.create_price(4900), fake.create_price(24900, interval=None)
    metered = fake.create_price(50, meter=meter)
    session = client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "success_url": "https://provider.example/done",
            "line_items": [
                {"price": flat, "quantity": 1},
                {"price": metered},
                {"price": setup, "quantity": 1},
            ],
            "subscription_data": {"trial_period_days": 14, "metadata": {"tenant": "acme"}},
        }
    )
    subscription = fake.complete(session.id)
    fake.trial_will_end(subscription)
    fake.renew(subscription)
    declined = fake.renew(subscription, paid=False)
    fake.pay_invoice(declined)
    fake.pause(subscription)
    fake.resume(subscription)
    fake.change_price(subscription, fake.create_price(9900, interval="year"))
    fake.cancel_at_period_end(subscription)
    fake.cancel(subscription)
    fake.pay_at_link(flat, {"metadata": {"tenant": "acme"}}, client_reference_id="acme")
    customer = fake.create_customer()
    client.v1.billing_portal.sessions.create({"customer": customer})
    fake.delete_customer(customer)


def test_every_body_is_one_that_the_package_knows(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    _a_full_life(fake, client)
    fake.account.register_endpoint("https://provider.example/api/stripe/webhook")
    fake.account.register_destination("https://provider.example/api/stripe/webhook", "v1.x")
    fake.account.configure_portal()
    tiered = fake.create_price(meter=fake.create_meter(), tiers=[(5, "0"), (None, "0.5")])
    seen = [body for kind in KINDS for body in fake.all(kind)]
    wrong = [one for body in seen if not body.get("deleted") for one in misshapen(body)]
    for answer in (
        client.v1.accounts.retrieve_current(),
        client.v1.webhook_endpoints.list(),
        client.v1.billing.meters.list(),
        client.v1.billing_portal.configurations.list(),
        client.v1.prices.retrieve(tiered, {"expand": ["tiers"]}),
    ):
        wrong += misshapen(answer.to_dict())
    wrong += [one for body in fake.all("v2.core.event_destination") for one in misshapen(body)]
    assert wrong == []


def test_a_misshapen_body_is_noticed(fake: FakeStripe) -> None:
    body = fake.get(fake.create_customer())
    assert misshapen(body) == []
    assert misshapen({**body, "nickname": "x"}) == ["customer.nickname is not Stripe's"]
    assert misshapen({**body, "livemode": None}) == ["customer.livemode must not be null"]
    del body["livemode"]
    assert misshapen(body) == ["customer.livemode is missing"]


def test_the_moved_fields_are_where_the_package_looks_for_them(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    fake.clock.set(datetime(2026, 1, 31, tzinfo=UTC))
    made = fake.subscribe(fake.create_customer(), fake.create_price())
    found = client.v1.subscriptions.retrieve(made, {"expand": ["latest_invoice"]})
    (item,) = found["items"].data
    assert datetime.fromtimestamp(item.current_period_end, UTC) == datetime(2026, 2, 28, tzinfo=UTC)
    assert not hasattr(found, "current_period_end")
    assert isinstance(found.latest_invoice, stripe.Invoice)
    assert found.latest_invoice.parent is not None
    assert found.latest_invoice.parent.subscription_details is not None
    assert found.latest_invoice.parent.subscription_details.subscription == made
    assert found.latest_invoice.lines.data[0].period.end == item.current_period_end

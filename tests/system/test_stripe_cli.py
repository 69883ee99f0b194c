"""Stripe's own command line drives localstripe, and accepts our fake as Stripe, too."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import stripe

from rig import stripecli
from rig.fakestripe import TEST_KEY, FakeStripe
from rig.localstripe import KEY, LocalStripe
from rig.provision import UnprovisionedError
from tests.support.gateways.webhooks import receiver

SECRET = "whsec_cli"


@pytest.fixture(scope="module", autouse=True)
def _cli() -> None:
    try:
        stripecli.program()
    except UnprovisionedError as reason:
        pytest.skip(f"no Stripe CLI: {reason}")


def test_its_fixtures_subscribe_a_tenant_of_localstripe(tmp_path: Path) -> None:
    with LocalStripe() as local, receiver() as received:
        local.webhook(received.url, SECRET)
        script = str(stripecli.FIXTURES / "subscribed.json")
        stripecli.run(local.url, KEY, tmp_path, "fixtures", script)
        created = received.await_type("customer.subscription.created")
        stripecli.run(
            local.url, KEY, tmp_path, "subscriptions", "cancel", created.about, "--confirm"
        )
        deleted = received.await_type("customer.subscription.deleted")
    assert deleted.about == created.about
    for one, status in ((created, "active"), (deleted, "canceled")):
        assert stripe.WebhookSignature.verify_header(one.body, one.signature, SECRET, 300)
        told = orjson.loads(one.body)["data"]["object"]
        assert (told["status"], told["metadata"]) == (status, {"tenant": "acme"})


def test_it_lists_updates_and_cancels_a_subscription_of_the_fake(tmp_path: Path) -> None:
    with FakeStripe() as fake:
        made = fake.subscribe(fake.create_customer(), fake.create_price())

        def cli(*arguments: str) -> str:
            return stripecli.run(fake.url, TEST_KEY, tmp_path, "subscriptions", *arguments)

        assert made in cli("list", "--status", "all")
        cli("update", made, "--cancel-at-period-end=true")
        assert fake.get(made)["cancel_at_period_end"]
        cli("cancel", made, "--confirm")
        assert fake.get(made)["status"] == "canceled"

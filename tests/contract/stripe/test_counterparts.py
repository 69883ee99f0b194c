"""The contract of Stripe, satisfied by localstripe and our fake for what both can do."""

from __future__ import annotations

import pytest

from rig.fakestripe import FakeStripe
from rig.localstripe import DECLINED_CARD, GOOD_CARD, LocalStripe
from tests.contract.stripe.stripe_contract import PRICE, Counterpart, StripeContract


class Local(Counterpart):
    def __init__(self, local: LocalStripe) -> None:
        self._local = local
        self.url = local.url

    def subscribed(self, tenant: str, *, paid: bool = True) -> tuple[str, str]:
        customer = self._local.create_customer(tenant)
        self._local.add_card(customer, GOOD_CARD if paid else DECLINED_CARD)
        return customer, self._local.subscribe(customer, self._local.create_plan(PRICE), tenant)

    def webhook(self, url: str, secret: str) -> None:
        self._local.webhook(url, secret)


class Fake(Counterpart):
    def __init__(self, fake: FakeStripe) -> None:
        self._fake = fake
        self.url = fake.url

    def subscribed(self, tenant: str, *, paid: bool = True) -> tuple[str, str]:
        customer, price = self._fake.create_customer(name=tenant), self._fake.create_price(PRICE)
        metadata = {"tenant": tenant}
        return customer, self._fake.subscribe(customer, price, metadata=metadata, paid=paid)

    def webhook(self, url: str, secret: str) -> None:
        self._fake.webhooks.send_to(url, secret)


class TestLocalStripe(StripeContract):
    @pytest.fixture
    def counterpart(self, local: LocalStripe) -> Counterpart:
        return Local(local)


class TestFakeStripe(StripeContract):
    @pytest.fixture
    def counterpart(self, fake: FakeStripe) -> Counterpart:
        return Fake(fake)

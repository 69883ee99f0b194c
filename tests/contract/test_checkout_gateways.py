"""The contract of checkout gateways, for Stripe's at our fake and for the one in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pbxbilling.accounts.terms.status import Status
from pbxbilling.gateways.stripe.checkout import StripeCheckout
from pbxbilling.gateways.stripe.client import StripeApi
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.subscriptions.subscription import Subscription
from rig.fakestripe import FakeStripe, Fault
from tests.contract.checkout_contract import Counter, TillContract
from tests.support.gateways.stripe.clients import api_of
from tests.support.subscriptions.memory_checkout import MemoryCheckout


class AtStripe(Counter):
    def __init__(self, fake: FakeStripe, api: StripeApi) -> None:
        self._fake = fake
        self.checkout_gateway = StripeCheckout(api, SystemClock(), patience_s=2.0)

    def price(self) -> str:
        return self._fake.create_price(1000, "eur")

    def buy(self, page: str) -> str:
        return self._fake.complete(page)

    def forget(self, customer: str) -> None:
        self._fake.delete_customer(customer)

    def away(self) -> None:
        self._fake.break_api(Fault.DOWN)


class InMemory(Counter):
    def __init__(self) -> None:
        self._kept = self.checkout_gateway = MemoryCheckout(SystemClock())

    def price(self) -> str:
        return "price_1"

    def buy(self, page: str) -> str:
        _, order = self._kept.pages.pop(page)
        now = SystemClock().now()
        self._kept.sold["sub_1"] = Subscription(
            "sub_1",
            order.customer,
            Status.ACTIVE,
            ("price_1",),
            now,
            now,
            live=False,
            tenant=order.tenant,
        )
        return "sub_1"

    def forget(self, customer: str) -> None:
        del self._kept.customers[customer]

    def away(self) -> None:
        self._kept.fault = GatewayError("nobody answers", away=True)


class TestStripeTill(TillContract):
    @asynccontextmanager
    async def counter(self) -> AsyncIterator[Counter]:
        with FakeStripe() as fake:
            async with api_of(fake.url) as api:
                yield AtStripe(fake, api)


class TestMemoryTill(TillContract):
    @asynccontextmanager
    async def counter(self) -> AsyncIterator[Counter]:
        yield InMemory()

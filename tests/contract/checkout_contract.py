"""The contract of every checkout gateway; a class of tests derives from this."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Cycle
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.subscriptions.order import Order, OrderLine
from pbxbilling.subscriptions.ports import CheckoutGateway

ACME = Tenant("acme", "starter", email="billing@acme.example")


class Counter(ABC):
    """A checkout gateway, and control of the service behind it."""

    checkout_gateway: CheckoutGateway

    @abstractmethod
    def price(self) -> str:
        """Return a price of 10.00 EUR a month that can be sold."""

    @abstractmethod
    def buy(self, page: str) -> str:
        """Pay at a page; return the subscription."""

    @abstractmethod
    def forget(self, customer: str) -> None:
        """Delete a customer."""

    @abstractmethod
    def away(self) -> None:
        """Stop answering from now on."""


class TillContract(ABC):
    """One suite for the real gateway and for the one in memory."""

    @abstractmethod
    def counter(self) -> AbstractAsyncContextManager[Counter]:
        """Open a gateway without any purchases."""

    @pytest.fixture
    async def shop(self) -> AsyncIterator[Counter]:
        async with self.counter() as opened:
            yield opened

    async def order(self, counter: Counter) -> Order:
        customer = await counter.checkout_gateway.create_customer(ACME)
        return Order(
            tenant="acme",
            customer=customer.id,
            plan="starter",
            cycle=Cycle.MONTH,
            lines=(OrderLine(counter.price()),),
            success_url="https://provider.example/done",
            cancel_url="https://provider.example/back",
        )

    async def test_the_same_customer_is_made_once(self, shop: Counter) -> None:
        made = await shop.checkout_gateway.create_customer(ACME)
        assert await shop.checkout_gateway.create_customer(ACME) == made
        assert (made.tenant, made.live, made.deleted) == ("acme", False, False)
        assert await shop.checkout_gateway.customer(made.id) == made

    async def test_a_deleted_customer_is_none_and_has_a_successor(self, shop: Counter) -> None:
        made = await shop.checkout_gateway.create_customer(ACME)
        shop.forget(made.id)
        assert await shop.checkout_gateway.customer(made.id) is None
        assert await shop.checkout_gateway.customer("cus_none") is None
        successor = await shop.checkout_gateway.create_customer(replace(ACME, customer=made.id))
        assert await shop.checkout_gateway.customer(successor.id) == successor

    async def test_a_page_is_open_until_it_is_withdrawn_or_paid(self, shop: Counter) -> None:
        order = await self.order(shop)
        first = await shop.checkout_gateway.checkout(order)
        second = await shop.checkout_gateway.checkout(replace(order, trial_days=7))
        found = {
            page.id: page for page in await shop.checkout_gateway.open_checkouts(order.customer)
        }
        assert found == {first.id: first, second.id: second}
        assert first.order == shop.checkout_gateway.fingerprint(order) != second.order
        await shop.checkout_gateway.withdraw(first.id)
        shop.buy(second.id)
        assert await shop.checkout_gateway.open_checkouts(order.customer) == []

    async def test_what_was_bought_is_a_customers_until_it_is_over(self, shop: Counter) -> None:
        order = await self.order(shop)
        assert await shop.checkout_gateway.subscriptions_of(order.customer) == []
        bought = shop.buy((await shop.checkout_gateway.checkout(order)).id)
        (found,) = await shop.checkout_gateway.subscriptions_of(order.customer)
        assert (found.id, found.status, found.tenant) == (bought, Status.ACTIVE, "acme")
        ended = await shop.checkout_gateway.cancel_now(bought)
        assert ended.is_over
        assert await shop.checkout_gateway.subscriptions_of(order.customer) == []
        assert (await shop.checkout_gateway.cancel_now(bought)).is_over

    async def test_nobodys_customer_has_nothing(self, shop: Counter) -> None:
        assert await shop.checkout_gateway.subscriptions_of("cus_none") == []

    async def test_an_end_is_asked_for_and_taken_back(self, shop: Counter) -> None:
        order = await self.order(shop)
        bought = shop.buy((await shop.checkout_gateway.checkout(order)).id)
        for on in (True, True, False, False):
            picture = await shop.checkout_gateway.cancel_at_period_end(bought, on=on)
            assert (picture.cancel_at_period_end, picture.is_over) == (on, False)

    async def test_a_portal_is_a_page(self, shop: Counter) -> None:
        customer = await shop.checkout_gateway.create_customer(ACME)
        url = await shop.checkout_gateway.portal(customer.id, "https://provider.example/account")
        assert url.startswith("https://")

    async def test_an_unreachable_gateway_is_reported(self, shop: Counter) -> None:
        order = await self.order(shop)
        shop.away()
        with pytest.raises(GatewayError) as told:
            await shop.checkout_gateway.checkout(order)
        assert told.value.away

"""The `CheckoutGateway` port in memory: a gateway that succeeds or fails on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.kernel.ports import Clock
from pbxbilling.subscriptions.order import CheckoutSession, Order
from pbxbilling.subscriptions.subscription import Customer, Subscription


class MemoryCheckout:
    """The calls named in `failing` raise `fault`, if set; all do if `failing` is empty."""

    name = STRIPE

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.fault: GatewayError | None = None
        self.failing: frozenset[str] = frozenset()
        self.customers: dict[str, Customer] = {}
        self.sold: dict[str, Subscription] = {}
        self.pages: dict[str, tuple[CheckoutSession, Order]] = {}
        self.withdrawn: list[str] = []
        self._made: dict[tuple[str, str | None], str] = {}

    async def _asked(self, what: str) -> datetime:
        await asyncio.sleep(0)  # another task may run meanwhile
        if self.fault is not None and (not self.failing or what in self.failing):
            raise self.fault
        return self._clock.now()

    async def customer(self, ident: str) -> Customer | None:
        await self._asked("customer")
        return self.customers.get(ident)

    async def create_customer(self, tenant: Tenant) -> Customer:
        await self._asked("create_customer")
        ident = self._made.setdefault((tenant.slug, tenant.customer), f"cus_{len(self._made) + 1}")
        self.customers[ident] = Customer(ident, tenant.slug, tenant.email, live=False)
        return self.customers[ident]

    async def subscriptions_of(self, customer: str) -> Sequence[Subscription]:
        await self._asked("subscriptions_of")
        mine = [one for one in self.sold.values() if one.customer == customer]
        return [one for one in mine if not one.is_over]

    async def open_checkouts(self, customer: str) -> Sequence[CheckoutSession]:
        await self._asked("open_checkouts")
        now = self._clock.now()
        mine = [page for page, order in self.pages.values() if order.customer == customer]
        return [one for one in mine if one.id not in self.withdrawn and one.expires_at > now]

    async def checkout(self, order: Order) -> CheckoutSession:
        now = await self._asked("checkout")
        ident = f"cs_{len(self.pages) + 1}"
        page = CheckoutSession(
            ident, f"https://pay.invalid/{ident}", now + timedelta(days=1), self.fingerprint(order)
        )
        self.pages[ident] = (page, order)
        return page

    def fingerprint(self, order: Order) -> str:
        return repr(order)

    async def withdraw(self, checkout: str) -> None:
        await self._asked("withdraw")
        self.withdrawn.append(checkout)

    async def portal(self, customer: str, return_url: str) -> str:
        await self._asked("portal")
        return f"https://portal.invalid/{customer}?back={return_url}"

    async def cancel_at_period_end(self, subscription: str, *, on: bool) -> Subscription:
        now = await self._asked("cancel_at_period_end")
        held = self.sold[subscription]
        ends_at = held.period_end if on else None
        changed = replace(held, cancel_at_period_end=on, ends_at=ends_at, as_of=now)
        self.sold[subscription] = changed
        return changed

    async def cancel_now(self, subscription: str) -> Subscription:
        now = await self._asked("cancel_now")
        changed = replace(self.sold[subscription], status=Status.CANCELLED, ends_at=now, as_of=now)
        self.sold[subscription] = changed
        return changed

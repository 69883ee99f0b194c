"""One renewal, one cycle, one allowance: whatever else stands on the invoice, however it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import orjson
import pytest

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.registry import Registry
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.writer import AccountWriter
from pbxbilling.billing.periods import period_from
from pbxbilling.catalog.plan import Plan
from pbxbilling.gateways.stripe import objects
from pbxbilling.gateways.stripe.client import StripeApi
from pbxbilling.gateways.stripe.gateway import StripeGateway
from pbxbilling.gateways.stripe.signature import StripeWebhooks
from pbxbilling.kernel.facts import Fact
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.subscriptions.events import EventState, stored_event
from pbxbilling.subscriptions.facts import CycleOpened
from pbxbilling.subscriptions.follow import Follower
from pbxbilling.subscriptions.inbox import ASK_AGAIN_S, Inbox
from rig.fakestripe import FakeStripe, Fault
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore

BOUGHT = datetime(2026, 1, 31, 8, 30, 5, tzinfo=UTC)
BEGINS = [
    BOUGHT,
    datetime(2026, 2, 28, 8, 30, 5, tzinfo=UTC),
    datetime(2026, 3, 31, 8, 30, 5, tzinfo=UTC),
    datetime(2026, 4, 30, 8, 30, 5, tzinfo=UTC),
]
DAY_S = 86_400
LATER = (int(BEGINS[3].timestamp()) + 9 * DAY_S, int(BEGINS[3].timestamp()) + 400 * DAY_S)
LONG_AGO = (0, DAY_S)


class Office:
    """The parts behind the webhook, over the real package and our fake."""

    def __init__(self, fake: FakeStripe, api: StripeApi, *, interval: str = "month") -> None:
        fake.clock.set(BOUGHT)
        self.fake = fake
        self.clock = Clock(BOUGHT)
        self.store = MemoryStore()
        self.facts: list[Fact] = []
        self.registry = Registry([Plan("free")], [Tenant("acme", "free")])
        lock = asyncio.Lock()
        writer = AccountWriter(self.store, self.registry, self.clock, self.facts.append, lock)
        mirrors = self.store.subscription_store
        in_force = InForce(Policy(), self.registry)
        follower = Follower(writer, mirrors, self.clock, in_force, gateway=STRIPE, live=False)
        self.inbox = Inbox(
            StripeGateway(api, self.clock),
            StripeWebhooks((), self.clock),
            follower,
            mirrors,
            self.clock,
            self.facts.append,
            _no_report,
        )
        prices = [
            fake.create_price(interval=interval),
            fake.create_price(50, meter=fake.create_meter()),
            fake.create_price(24900, interval=None),
        ]
        customer = fake.create_customer()
        self.subscription = fake.subscribe(customer, *prices, metadata={"tenant": "acme"})

    def renew(self, at: datetime, service: tuple[int, int] | None = None) -> None:
        self.fake.clock.set(at)
        self.clock.move_to(at)
        self.fake.renew(self.subscription, service=service)

    async def hears(self) -> None:
        """Deliver every event about an invoice so far that was not, each twice."""
        for told in self.fake.events():
            body = orjson.dumps(told)
            message = objects.message(body)
            if not message.kind.startswith("invoice."):
                continue
            await self.store.commit([stored_event(message, body, self.clock.now())])
            for _ in range(2):
                await self.inbox._deliver(message.id)

    async def cycles(self) -> list[tuple[datetime, datetime]]:
        known = await self.store.subscription_store.cycles("acme")
        assert len([fact for fact in self.facts if isinstance(fact, CycleOpened)]) == len(known)
        return [(one.begins, one.ends) for one in known]

    async def allowances(self, until: datetime) -> list[datetime]:
        """Return where each of the tenant's periods begins, up to this one: one allowance each."""
        mirrors = self.store.subscription_store
        subscription = await mirrors.subscription(self.subscription)
        cycles = await mirrors.cycles("acme")
        begins = [BOUGHT]
        while begins[-1] < until:
            tenant = self.registry.tenants["acme"]
            begins.append(period_from(begins[-1], tenant, subscription, cycles).ends)
        return begins


async def _no_report(_ident: str) -> None: ...


def nothing(office: Office) -> None:
    del office


def an_item_with_dates_to_come(office: Office) -> None:
    office.fake.add_pending(office.subscription, 500, LATER)


def an_item_of_long_ago(office: Office) -> None:
    office.fake.add_pending(office.subscription, 500, LONG_AGO)


def prorations(office: Office) -> None:
    for amount, period in ((-700, LATER), (900, LATER), (-1, LONG_AGO)):
        office.fake.add_pending(office.subscription, amount, period, proration=True)


def more_lines_than_a_page(office: Office) -> None:
    for n in range(115):
        period = LATER if n % 2 else LONG_AGO
        office.fake.add_pending(office.subscription, 1, period, proration=n % 3 == 0)


OTHERS = [
    nothing,
    an_item_with_dates_to_come,
    an_item_of_long_ago,
    prorations,
    more_lines_than_a_page,
]
SERVICES = [None, LATER, LONG_AGO]
CHAIN = list(pairwise(BEGINS))


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("service", SERVICES, ids=["own dates", "dates to come", "dates long ago"])
async def test_told_at_once_each_renewal_opens_its_own_cycle(
    fake: FakeStripe,
    api: StripeApi,
    other: Callable[[Office], None],
    service: tuple[int, int] | None,
) -> None:
    office = Office(fake, api)
    await office.hears()
    for begins in BEGINS[1:3]:
        other(office)
        office.renew(begins, service)
        await office.hears()
    assert await office.cycles() == CHAIN
    assert await office.allowances(BEGINS[3]) == BEGINS


@pytest.mark.parametrize("other", OTHERS)
async def test_told_late_each_renewal_still_opens_its_own_cycle(
    fake: FakeStripe, api: StripeApi, other: Callable[[Office], None]
) -> None:
    office = Office(fake, api)
    for begins in BEGINS[1:3]:
        other(office)
        office.renew(begins)
    await office.hears()
    assert await office.cycles() == CHAIN
    assert await office.allowances(BEGINS[3]) == BEGINS


@pytest.mark.parametrize("path", ["/", "/v1/invoices"])
async def test_an_outage_delays_the_cycle_and_loses_none(
    fake: FakeStripe, api: StripeApi, path: str
) -> None:
    office = Office(fake, api)
    for begins in BEGINS[1:3]:
        more_lines_than_a_page(office)
        office.renew(begins)
    fake.break_api(Fault.ERROR, path=path)
    await office.hears()
    fake.mend_api()
    assert set(await office.cycles()) < set(CHAIN)
    states = {event.state for event in office.store.subscription_store.post.values()}
    assert EventState.UNCONFIRMED in states
    office.clock.move_to(office.clock.now() + timedelta(seconds=ASK_AGAIN_S))
    await office.hears()
    assert await office.cycles() == CHAIN


async def test_a_yearly_price_with_monthly_usage_has_a_cycle_a_month(
    fake: FakeStripe, api: StripeApi
) -> None:
    office = Office(fake, api, interval="year")
    await office.hears()
    for begins in BEGINS[1:3]:
        more_lines_than_a_page(office)
        office.renew(begins)
        await office.hears()
    assert [begins for begins, _ in await office.cycles()] == BEGINS[:3]
    assert await office.allowances(BEGINS[3]) == BEGINS


async def test_no_invoice_but_a_renewals_opens_a_cycle(fake: FakeStripe, api: StripeApi) -> None:
    office = Office(fake, api)
    await office.hears()
    fake.change_price(office.subscription, fake.create_price(2000))
    fake.cancel(office.subscription)
    await office.hears()
    assert await office.cycles() == CHAIN[:1]

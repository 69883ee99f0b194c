"""Adopting by the real stripe package what our own fake of Stripe has: it only reads there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.catalog.plan import Cycle, Plan, Prices
from pbxbilling.gateways.stripe.client import StripeApi
from pbxbilling.gateways.stripe.gateway import PAGE, StripeGateway
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.runtime.clock import SystemClock
from pbxbilling.subscriptions.adoption.adopt import Adoption
from pbxbilling.subscriptions.adoption.matching import AdoptionRow, CustomerProfile, Evidence
from rig.fakestripe import FakeStripe
from tests.support.kernel.actors import named
from tests.support.subscriptions.shop import Shop

ACME = Tenant("acme", "free", name="Acme", email="billing@acme.example")


@pytest.fixture
def gateway(api: StripeApi) -> StripeGateway:
    return StripeGateway(api, SystemClock())


async def test_customers_are_read_with_what_tells_whose_they_are(
    gateway: StripeGateway, fake: FakeStripe
) -> None:
    made = [fake.create_customer(f"{n}@example.org", f"Name {n}") for n in range(PAGE + 3)]
    told = fake.create_customer("x@example.org", "X", metadata={"tenant": "acme"})
    fake.delete_customer(made[0])
    first = await gateway.customers(None)
    second = await gateway.customers(first.after)
    assert (len(first.items), len(second.items), second.after) == (PAGE, 3, None)
    assert first.items[0] == CustomerProfile(told, "X", "x@example.org", "acme")
    assert {one.id for one in (*first.items, *second.items)} == {told, *made[1:]}


def _by_metadata(fake: FakeStripe) -> str:
    return fake.create_customer("a@example.org", "A", metadata={"tenant": "ACME"})


def _by_mail(fake: FakeStripe) -> str:
    return fake.create_customer("Billing@acme.example", "A")


def _by_name(fake: FakeStripe) -> str:
    return fake.create_customer("a@example.org", "ACME")


def _by_nothing(fake: FakeStripe) -> str:
    return fake.create_customer("a@example.org", "A")


@pytest.mark.parametrize(
    ("customer", "by"),
    [
        (_by_metadata, Evidence.METADATA),
        (_by_mail, Evidence.MAIL),
        (_by_name, Evidence.NAME),
        (_by_nothing, None),
    ],
)
async def test_what_is_nobodys_is_listed_and_linked_and_nothing_changes_at_stripe(
    gateway: StripeGateway,
    fake: FakeStripe,
    customer: Callable[[FakeStripe], str],
    by: Evidence | None,
) -> None:
    flat = fake.create_price(2900)
    sold = Plan("pro", prices={Cycle.MONTH: 2900}, gateway_prices={STRIPE: Prices(flat)})
    shop = Shop(ACME, plan=sold)
    shop.registry.put_plan(Plan("free"))
    adoption: Adoption = shop.adoption(gateway)
    bought = fake.subscribe(customer(fake), flat)
    fake.change(bought, status="unpaid")
    there = fake.get(bought)
    (row,) = (await adoption.candidates()).rows
    assert (row.fit.by, row.plan) == (by, "pro")
    assert row.status is (Status.READ_ONLY if by else None)
    assert shop.acme == ACME
    (done,) = await adoption.adopt([AdoptionRow("acme", bought)], named("alice"), dry_run=False)
    assert (done.plan, done.status) == ("pro", Status.READ_ONLY)
    assert (shop.acme.plan, shop.acme.status, shop.acme.subscription) == (
        "pro",
        Status.READ_ONLY,
        bought,
    )
    assert (await adoption.candidates()).rows == ()
    assert fake.get(bought) == there
    assert {one.method for one in fake.asked()} == {"GET"}


async def test_what_cannot_be_read_is_told_and_hides_nothing_else(
    gateway: StripeGateway, fake: FakeStripe
) -> None:
    price = fake.create_price()
    strange, good = (fake.subscribe(fake.create_customer(), price) for _ in range(2))
    fake.change(strange, status="dormant")
    found = await Shop(ACME).adoption(gateway).candidates()
    assert good in [row.subscription.id for row in found.rows if row.subscription]
    assert ["'dormant' is new to this program" in fault for fault in found.faults] == [True]

"""Adopting what a gateway had before: only named tenants change, and nothing at the gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.kernel.errors import AdministrationError
from pbxbilling.subscriptions.adoption.adopt import Adoption
from pbxbilling.subscriptions.adoption.matching import AdoptionRow, CustomerProfile, Evidence
from tests.support.kernel.actors import named
from tests.support.subscriptions.shop import Shop
from tests.support.subscriptions.truth import Truth

ACME = Tenant("acme", "starter", name="Acme", email="billing@acme.example")
GLOBEX = Tenant("globex", "starter", email="office@globex.example")
INITECH = Tenant("initech", "starter", customer="cus_3", subscription="sub_3")


class Desk:
    """Three tenants, and a gateway with two subscriptions that are nobody's."""

    def __init__(self, *tenants: Tenant) -> None:
        self.shop = Shop(*(tenants or (ACME, GLOBEX, INITECH)))
        self.truth = Truth()
        self.adoption: Adoption = self.shop.adoption(self.truth)
        self.lists("sub_1", "cus_1", email="billing@acme.example")
        self.lists("sub_2", "cus_2", "past_due", name="Somebody")

    def lists(self, ident: str, customer: str, status: str = "active", **profile: Any) -> None:
        price = {"data": [{"price": {"id": "price_month"}}]}
        self.truth.becomes(status, ident, customer=customer, metadata={}, items=price)
        self.truth.profiles[customer] = CustomerProfile(customer, **profile)

    async def adopt(self, *rows: AdoptionRow, dry_run: bool = False) -> list[Any]:
        return await self.adoption.adopt(rows, named("alice"), dry_run=dry_run)

    @property
    def tenants(self) -> dict[str, Tenant]:
        return dict(self.shop.registry.tenants)


async def test_what_is_nobodys_is_listed_with_the_tenant_plan_and_status() -> None:
    desk = Desk()
    before = desk.tenants
    first, second = (await desk.adoption.candidates()).rows
    assert (first.fit.tenants, first.fit.by) == (("acme",), Evidence.MAIL)
    assert (first.plan, first.status, first.problem) == ("starter", Status.ACTIVE, "")
    assert (second.fit.tenants, second.fit.by, second.plan, second.status) == (
        (),
        None,
        "starter",
        None,
    )
    assert desk.tenants == before
    assert not desk.shop.store.audited


async def test_customers_without_a_subscription_come_last_and_owned_ones_not_at_all() -> None:
    desk = Desk()
    desk.lists("sub_3", "cus_3")
    await desk.shop.follower.apply_snapshot(
        desk.shop.bought(id="sub_3", tenant="initech", customer="cus_3")
    )
    desk.lists("sub_4", "cus_4", "canceled")
    desk.truth.profiles["cus_5"] = CustomerProfile("cus_5", email="office@globex.example")
    desk.truth.profiles["cus_6"] = CustomerProfile("cus_6", live=True)
    rows = (await desk.adoption.candidates()).rows
    assert [(row.subscription and row.subscription.id, row.customer.id) for row in rows] == [
        ("sub_1", "cus_1"),
        ("sub_2", "cus_2"),
        (None, "cus_4"),
        (None, "cus_5"),
    ]
    assert (rows[-1].fit.tenants, rows[-1].fit.by) == (("globex",), Evidence.MAIL)


async def test_a_named_row_is_linked_and_audited() -> None:
    desk = Desk()
    (planned,) = await desk.adopt(AdoptionRow("globex", "sub_2"), dry_run=True)
    assert (planned.status_before, planned.status) == (Status.ACTIVE, Status.PAST_DUE)
    assert desk.tenants["globex"] == GLOBEX
    (done,) = await desk.adopt(AdoptionRow("globex", "sub_2"))
    assert done == planned
    linked = desk.tenants["globex"]
    assert (linked.subscription, linked.customer, linked.status) == (
        "sub_2",
        "cus_2",
        Status.PAST_DUE,
    )
    assert [(row.action, row.actor) for row in desk.shop.store.audited[-2:]] == [
        ("link", "alice"),
        ("link", "alice"),
    ]
    rows = (await desk.adoption.candidates()).rows
    assert [row.subscription and row.subscription.id for row in rows] == ["sub_1"]


async def test_a_customer_alone_is_the_tenants_next_buyer() -> None:
    desk = Desk()
    desk.truth.profiles["cus_5"] = CustomerProfile("cus_5", email="x@example.org")
    await desk.adopt(AdoptionRow("globex", customer="cus_5"))
    assert desk.tenants["globex"] == replace(GLOBEX, customer="cus_5")
    mirrored = await desk.shop.store.subscription_store.customer("cus_5")
    assert mirrored is not None
    assert mirrored.tenant == "globex"


METERED = UsageCollection(CollectionMethod.METER_EVENTS)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (AdoptionRow("nobody", "sub_1"), "tenant: tenant 'nobody' is unknown"),
        (AdoptionRow("acme"), "subscription: expected the id of a subscription, or of a customer"),
        (AdoptionRow("acme", "sub_9"), "subscription: subscription 'sub_9' is none of those that"),
        (
            AdoptionRow("acme", "sub_3"),
            "subscription: subscription sub_3 is that of tenant initech",
        ),
        (AdoptionRow("acme", "sub_4"), "subscription: subscription 'sub_4' is none of those that"),
        (AdoptionRow("acme", "sub_1", "cus_2"), "customer: sub_1 is of customer cus_1"),
        (AdoptionRow("acme", customer="cus_9"), "customer: customer 'cus_9' is none of those that"),
        (
            AdoptionRow("acme", customer="cus_3"),
            "customer: customer cus_3 is that of tenant initech",
        ),
        (
            AdoptionRow("initech", customer="cus_2"),
            "tenant: tenant initech has customer cus_3 alrea",
        ),
        (AdoptionRow("demo", "sub_1"), "tenant: tenant demo is a demo"),
        (
            AdoptionRow("m2", "sub_1"),
            "tenant: customer cus_1 is that of m1 and m2, all with charges",
        ),
    ],
)
async def test_a_row_that_cannot_be_linked_is_named_by_column_and_nothing_is_done(
    row: AdoptionRow, told: str
) -> None:
    demo = Tenant("demo", "starter", demo=True)
    metered = Tenant(
        "m1", "starter", customer="cus_1", subscription="sub_8", usage_collection=METERED
    )
    m2 = Tenant("m2", "starter", usage_collection=METERED)
    desk = Desk(ACME, GLOBEX, INITECH, demo, metered, m2)
    desk.lists("sub_3", "cus_3")
    await desk.shop.follower.apply_snapshot(
        desk.shop.bought(id="sub_3", tenant="initech", customer="cus_3")
    )
    desk.lists("sub_4", "cus_4", "canceled")
    before = desk.tenants
    good = AdoptionRow("globex", "sub_2", place="rows.csv:2")
    for dry_run in (True, False):
        with pytest.raises(AdministrationError) as refused:
            await desk.adopt(good, replace(row, place="rows.csv:3"), dry_run=dry_run)
        assert str(refused.value).startswith(f"rows.csv:3: {told}")
    assert desk.tenants == before


async def test_a_row_that_is_there_twice_is_refused_once() -> None:
    desk = Desk()
    rows = [AdoptionRow("acme", "sub_1", place=f"rows.csv:{line}") for line in (2, 3)]
    with pytest.raises(AdministrationError) as refused:
        await desk.adopt(*rows)
    assert str(refused.value).splitlines() == [
        "rows.csv:3: tenant: acme is in an earlier row already: remove one",
        "rows.csv:3: subscription: sub_1 is in an earlier row already: remove one",
    ]


async def test_two_rows_that_would_share_a_meter_are_refused_before_either_is_linked() -> None:
    one, other = (Tenant(slug, "starter", usage_collection=METERED) for slug in ("m1", "m2"))
    desk = Desk(one, other)
    desk.lists("sub_7", "cus_1")
    rows = AdoptionRow("m1", "sub_1", place="f:2"), AdoptionRow("m2", "sub_7", place="f:3")
    with pytest.raises(AdministrationError) as refused:
        await desk.adopt(*rows)
    assert str(refused.value).startswith("f:3: tenant: customer cus_1 is that of m1 and m2, all")
    assert desk.tenants == {"m1": one, "m2": other}


@given(data=st.data())
async def test_no_tenant_changes_that_no_row_names_and_nothing_at_the_gateway(
    data: st.DataObject,
) -> None:
    words = st.sampled_from(["active", "trialing", "past_due", "unpaid", "paused", "incomplete"])
    slugs = ["acme", "globex", "initech"]
    desk = Desk()
    for n in range(data.draw(st.integers(0, 4))):
        mail = data.draw(st.sampled_from(["billing@acme.example", "office@globex.example", ""]))
        desk.lists(f"sub_1{n}", f"cus_1{n}", data.draw(words), email=mail)
    there, before = dict(desk.truth.now), desk.tenants
    await desk.adoption.candidates()
    assert desk.tenants == before
    free = [
        row.subscription.id for row in (await desk.adoption.candidates()).rows if row.subscription
    ]
    named = data.draw(st.lists(st.sampled_from(slugs), unique=True))
    rows = [AdoptionRow(slug, ident) for slug, ident in zip(named, free, strict=False)]
    await desk.adopt(*rows, dry_run=True)
    assert desk.tenants == before
    done = await desk.adopt(*rows)
    after = desk.tenants
    assert {slug for slug in slugs if after[slug] != before[slug]} <= {row.tenant for row in rows}
    assert [(one.tenant, one.status) for one in done] == [
        (row.tenant, after[row.tenant].status) for row in rows
    ]
    assert desk.truth.now == there

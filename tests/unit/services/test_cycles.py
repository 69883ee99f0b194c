"""A paid invoice closes one billing cycle and opens the next, once."""

from __future__ import annotations

from typing import Any

import pytest

from pbxbilling.domain.billed import BillingCycle
from pbxbilling.domain.billing_facts import CycleOpened
from pbxbilling.domain.gateway import Letter, Message, Topic
from pbxbilling.services.follow import UNASKED, Asked
from tests.support.gateway_records import invoice, letter, subscription
from tests.support.shop import Shop
from tests.support.store_records import after

BEGINS, ENDS = after(0), after(30 * 86_400)
RENEWED = subscription(period_start=BEGINS, period_end=ENDS)


async def take(shop: Shop, asked: Asked, ident: str = "evt_1", **changed: Any) -> list[CycleOpened]:
    """An event about an invoice, paid if nothing else is said, is applied."""
    shop.facts.clear()
    about = invoice(**{"paid_at": after(5), **changed})
    event: Letter = letter(ident)
    message = Message(
        ident,
        "invoice.paid",
        Topic.INVOICE,
        "sub_1",
        after(5),
        live=False,
        tenant="acme",
        customer_id="cus_1",
        subscription_id="sub_1",
        invoice=about,
    )
    await shop.follower.take(event, message, asked)
    return [fact for fact in shop.facts if isinstance(fact, CycleOpened)]


async def test_a_paid_invoice_opens_the_cycle_that_its_subscription_is_in() -> None:
    shop = Shop()
    (opened,) = await take(shop, Asked(reached=True, found=RENEWED))
    assert (opened.tenant, opened.invoice, opened.begins, opened.ends) == (
        "acme",
        "in_1",
        BEGINS,
        ENDS,
    )
    assert await shop.store.mirrors.cycles("acme") == [
        BillingCycle("in_1", "acme", "sub_1", BEGINS, ENDS)
    ]


async def test_told_again_or_by_another_event_it_opens_nothing() -> None:
    shop = Shop()
    await take(shop, Asked(reached=True, found=RENEWED))
    assert not await take(shop, Asked(reached=True, found=RENEWED), "evt_1")
    assert not await take(shop, Asked(reached=True, found=RENEWED), "evt_2")
    assert len(await shop.store.mirrors.cycles("acme")) == 1


@pytest.mark.parametrize(
    ("asked", "changed"),
    [
        (Asked(reached=True, found=RENEWED), {"paid_at": None}),
        (UNASKED, {}),
        (Asked(reached=True), {}),
        (Asked(reached=True, found=subscription(live=True, period_start=BEGINS)), {}),
    ],
    ids=["not paid", "not asked", "unknown there", "of the other mode"],
)
async def test_nothing_else_opens_a_cycle(asked: Asked, changed: dict[str, Any]) -> None:
    shop = Shop()
    assert not await take(shop, asked, **changed)
    assert not await shop.store.mirrors.cycles("acme")

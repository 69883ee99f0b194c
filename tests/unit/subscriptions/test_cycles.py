"""A paid invoice closes one billing cycle and opens the next, once."""

from __future__ import annotations

from typing import Any

import pytest

from pbxbilling.subscriptions.events import InvoicedCycle, Message, Topic, WebhookEvent
from pbxbilling.subscriptions.facts import CycleOpened
from pbxbilling.subscriptions.outcome import NOT_FETCHED, FetchedState
from pbxbilling.subscriptions.subscription import BillingCycle
from tests.support.store.records import after
from tests.support.subscriptions.records import event as stored
from tests.support.subscriptions.records import invoice, subscription
from tests.support.subscriptions.shop import Shop

BEGINS, ENDS = after(0), after(30 * 86_400)
RENEWED = subscription(period_start=BEGINS, period_end=ENDS)


CYCLE = InvoicedCycle(BEGINS, ENDS)


async def take(
    shop: Shop,
    fetched: FetchedState,
    ident: str = "evt_1",
    opens: InvoicedCycle | None = CYCLE,
    *,
    live: bool = False,
    **changed: Any,
) -> list[CycleOpened]:
    """Apply an event about an invoice, which is paid unless the arguments say otherwise."""
    shop.facts.clear()
    about = invoice(**{"paid_at": after(5), **changed})
    event: WebhookEvent = stored(ident)
    message = Message(
        ident,
        "invoice.paid",
        Topic.INVOICE,
        "sub_1",
        after(5),
        live=live,
        tenant="acme",
        customer_id="cus_1",
        subscription_id="sub_1",
        invoice=about,
        opens=opens,
    )
    await shop.follower.take(event, message, fetched)
    return [fact for fact in shop.facts if isinstance(fact, CycleOpened)]


async def test_a_paid_invoice_opens_the_cycle_that_its_lines_name() -> None:
    shop = Shop()
    (opened,) = await take(shop, FetchedState(reached=True, found=RENEWED))
    assert (opened.tenant, opened.invoice, opened.begins, opened.ends) == (
        "acme",
        "in_1",
        BEGINS,
        ENDS,
    )
    assert await shop.store.subscription_store.cycles("acme") == [
        BillingCycle("in_1", "acme", "sub_1", BEGINS, ENDS)
    ]


async def test_a_repeated_or_second_event_opens_no_further_cycle() -> None:
    shop = Shop()
    await take(shop, FetchedState(reached=True, found=RENEWED))
    assert not await take(shop, FetchedState(reached=True, found=RENEWED), "evt_1")
    assert not await take(shop, FetchedState(reached=True, found=RENEWED), "evt_2")
    assert len(await shop.store.subscription_store.cycles("acme")) == 1


async def test_a_second_invoice_of_one_renewal_opens_no_second_cycle() -> None:
    shop = Shop()
    await take(shop, FetchedState(reached=True, found=RENEWED))
    assert not await take(shop, FetchedState(reached=True, found=RENEWED), "evt_2", id="in_2")
    assert len(await shop.store.subscription_store.cycles("acme")) == 1


async def test_the_subscriptions_own_period_outranks_an_invoices_lines() -> None:
    wrong = InvoicedCycle(BEGINS, after(400 * 86_400))
    (opened,) = await take(Shop(), FetchedState(reached=True, found=RENEWED), opens=wrong)
    assert (opened.begins, opened.ends) == (BEGINS, ENDS)


async def test_invoices_that_are_told_late_open_each_their_own() -> None:
    shop = Shop()
    later = subscription(period_start=after(60 * 86_400), period_end=after(90 * 86_400))
    earlier = InvoicedCycle(after(-30 * 86_400), BEGINS)
    await take(shop, FetchedState(reached=True, found=later), "evt_1", earlier, id="in_0")
    await take(shop, FetchedState(reached=True, found=later), "evt_2")
    cycles = await shop.store.subscription_store.cycles("acme")
    assert sorted((one.begins, one.ends) for one in cycles) == [
        (earlier.begins, BEGINS),
        (BEGINS, ENDS),
    ]


async def test_while_the_gateway_is_away_the_invoice_is_enough() -> None:
    assert await take(Shop(), NOT_FETCHED)


async def test_an_invoice_of_usage_alone_leaves_the_end_to_the_subscription() -> None:
    usage = InvoicedCycle(BEGINS, None)
    (opened,) = await take(Shop(), FetchedState(reached=True, found=RENEWED), opens=usage)
    assert opened.ends == ENDS
    gone_on = subscription(period_start=ENDS, period_end=after(60 * 86_400))
    assert not await take(Shop(), FetchedState(reached=True, found=gone_on), opens=usage)


@pytest.mark.parametrize(
    "changed",
    [{"paid_at": None}, {"opens": None}, {"live": True}],
    ids=["not paid", "no renewal", "of the other mode"],
)
async def test_nothing_else_opens_a_cycle(changed: dict[str, Any]) -> None:
    shop = Shop()
    assert not await take(shop, FetchedState(reached=True, found=RENEWED), **changed)
    assert not await shop.store.subscription_store.cycles("acme")

"""Commands about payments, served by the admin socket."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.status import Status
from pbxbilling.billing.take_figures import Figures
from pbxbilling.kernel.errors import AdministrationError, GatewayError, NotFoundError
from pbxbilling.payments.compare import Comparison
from pbxbilling.payments.records import InvoiceRun, RunState
from pbxbilling.payments.usage_events import UsageEvents
from pbxbilling.subscriptions.daily_check import DailyCheck
from pbxbilling.subscriptions.events import EventState
from pbxbilling.web.admin import REFUSALS
from pbxbilling.web.api import COMMANDS
from pbxbilling.web.api.command import PaymentServices, Services
from pbxbilling.web.api.shape import plain
from tests.support.administration import administrations
from tests.support.billing import billing_desk
from tests.support.gateway_records import event, invoice
from tests.support.memory_meter import NoEvents
from tests.support.purges import NoMinutes, forgetter_of, purge_of
from tests.support.shop import Shop

ABOUT_PAYMENTS = sorted(name for name, command in COMMANDS.items() if command.about_payments)
GIVEN: dict[str, Any] = {
    "tenant": "acme",
    "plan": "starter",
    "cycle": "month",
    "now": True,
    "subscription": "sub_1",
}


async def issued(month: str | None) -> list[InvoiceRun]:
    if month == "2026-09":
        raise GatewayError("Stripe cannot be reached", away=True)
    at = datetime(2026, 12, 1, tzinfo=UTC)
    return [InvoiceRun("acme", month or "", RunState.ISSUED, at, "in_1", 1190, "EUR")]


def services(shop: Shop, *, keys: bool = True) -> Services:
    subscription_store = shop.store.subscription_store
    in_force = InForce(Policy(), shop.registry)
    usage = UsageEvents(NoEvents(), shop.writer)
    payments = PaymentServices(shop.checkout, shop.subscriptions, subscription_store, usage, issued)
    return Services(
        *administrations(shop.store, shop.writer, shop.clock),
        DailyCheck(shop.writer, subscription_store, shop.store, shop.clock, in_force),
        billing_desk(shop.store, shop.writer, shop.clock),
        purge_of(shop.store, shop.clock, shop.facts),
        Figures(
            subscription_store,
            shop.store.statement_store,
            in_force,
            shop.clock,
        ),
        forgetter_of(shop.store, shop.writer, shop.clock),
        Comparison(shop.registry, shop.store.statement_store, NoMinutes()),
        payments if keys else None,
    )


async def serve(shop: Shop, command: str, **given: object) -> Any:
    return plain(await COMMANDS[command].serve(services(shop), GIVEN | given, "alice"))


@pytest.mark.parametrize("command", ABOUT_PAYMENTS)
async def test_without_keys_every_one_says_how_to_enable_stripe(command: str) -> None:
    with pytest.raises(AdministrationError, match="Stripe is not enabled, and nothing is charged"):
        await COMMANDS[command].serve(services(Shop(), keys=False), GIVEN, "alice")


async def test_a_gateways_fault_is_a_refusal_in_words() -> None:
    shop = Shop()
    shop.checkout_gateway.fault = GatewayError("checkout: no answer", away=True)
    with pytest.raises(REFUSALS, match="no answer"):
        await serve(shop, "checkout")


async def test_a_checkout_by_the_year_is_one() -> None:
    offer = await serve(Shop(), "checkout", cycle="year")
    assert (offer["cycle"], offer["url"]) == ("year", "https://pay.invalid/cs_1")


async def test_subscriptions_are_shown_by_their_ids() -> None:
    shop = Shop()
    await shop.subscribe(Status.PAST_DUE)
    (row,) = await serve(shop, "subscriptions")
    assert (row["subscription"], row["status"], row["period_ends_at"]) == (
        "sub_1",
        "past_due",
        None,
    )
    assert await serve(shop, "subscriptions", tenant=None) == [row]
    with pytest.raises(AdministrationError, match="tenant 'nobody' is unknown"):
        await serve(shop, "subscriptions", tenant="nobody")


async def test_invoices_are_shown_with_money_as_it_is_written() -> None:
    shop = Shop()
    await shop.store.commit([invoice("in_1"), invoice("in_2", tenant="globex")])
    (row,) = await serve(shop, "invoices")
    assert (row["invoice"], row["total"], row["currency"]) == ("in_1", "29.00", "EUR")
    with pytest.raises(AdministrationError, match="tenant 'nobody' is unknown"):
        await serve(shop, "invoices", tenant="nobody")


async def test_parked_events_say_what_they_wait_for_and_not_what_is_in_them() -> None:
    shop = Shop()
    parked, failed = EventState.PARKED, EventState.FAILED
    await shop.store.commit(
        [
            event("evt_1", 1, state=parked, body='{"email": "hidden"}'),
            event("evt_2", 2, state=parked, about="cus_1"),
            event("evt_3", 3, state=failed, note="its status 'new' is new to this program"),
            event("evt_4", 4, state=EventState.DONE),
        ]
    )
    rows = await serve(shop, "parked")
    assert [(row["event"], row["waits_for"].partition(":")[0]) for row in rows] == [
        ("evt_1", "a tenant"),
        ("evt_2", "a tenant"),
        ("evt_3", "a person"),
    ]
    assert "`pbxbilling stripe link sub_1 TENANT`" in rows[0]["waits_for"]
    assert "hidden" not in str(rows)


async def test_acts_are_served_with_their_actor() -> None:
    shop = Shop()
    await shop.subscribe(tenant=None, customer="cus_stranger")
    await serve(shop, "link")
    await serve(shop, "cancel", now=False)
    result = await serve(shop, "reactivate")
    assert result["subscription"]["cancel_at_period_end"] is False
    by_alice = [row.action for row in shop.store.audited if row.actor == "alice"]
    assert by_alice[-2:] == ["subscription cancel", "subscription reactivate"]
    assert "link" in by_alice


async def test_two_clicks_through_the_socket_are_one_offer() -> None:
    shop = Shop()
    offers = await asyncio.gather(serve(shop, "checkout"), serve(shop, "checkout"))
    assert offers[0] == offers[1]


async def test_an_invoice_run_says_what_became_of_each() -> None:
    (row,) = await serve(Shop(), "invoice-run", month="2026-11")
    assert (row["tenant"], row["state"], row["total"]) == ("acme", "issued", "11.90")
    with pytest.raises(AdministrationError, match="cannot be reached"):
        await serve(Shop(), "invoice-run", month="2026-09")


async def test_usage_that_nothing_is_known_of_cannot_be_decided() -> None:
    view = await serve(Shop(), "usage-events", tenant=None)
    assert view == {"unsent": {}, "oldest": None, "events": []}
    with pytest.raises(NotFoundError, match="`pbxbilling stripe usage` lists those to decide"):
        await serve(Shop(), "usage-decide", leg="pbx1:1.1", again=True)

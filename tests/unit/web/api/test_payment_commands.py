"""The payments of the API."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.routing import APIRoute

from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.status import Status
from pbxbilling.billing.take_figures import Figures
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.payments.compare import Comparison
from pbxbilling.payments.records import InvoiceRun, RunState
from pbxbilling.payments.usage_events import UsageEvents
from pbxbilling.subscriptions.daily_check import DailyCheck
from pbxbilling.subscriptions.events import EventState
from pbxbilling.web.api import adoption, payments
from pbxbilling.web.api.routing import NEEDS_GATEWAY
from pbxbilling.web.api.services import PaymentServices, Services
from tests.support.accounts.administration import administrations
from tests.support.billing.statements import billing_desk
from tests.support.identity.tokens import identity_of
from tests.support.payments.memory_meter import NoEvents
from tests.support.privacy.purges import NoMinutes, forgetter_of, purge_of
from tests.support.subscriptions.records import event, invoice
from tests.support.subscriptions.shop import Shop
from tests.support.subscriptions.truth import Truth
from tests.support.web.api_client import ApiClient, RefusedError


async def issued(month: str | None) -> list[InvoiceRun]:
    if month == "2026-09":
        raise GatewayError("Stripe cannot be reached", away=True)
    at = datetime(2026, 12, 1, tzinfo=UTC)
    return [InvoiceRun("acme", month or "", RunState.ISSUED, at, "in_1", 1190, "EUR")]


def services(shop: Shop, *, keys: bool = True) -> Services:
    subscription_store = shop.store.subscription_store
    in_force = InForce(Policy(), shop.registry)
    usage = UsageEvents(NoEvents(), shop.store, shop.writer)
    by_gateway = PaymentServices(
        shop.checkout,
        shop.subscriptions,
        subscription_store,
        usage,
        shop.adoption(Truth()),
        issued,
    )
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
        identity_of(shop.store, shop.registry, shop.clock),
        by_gateway if keys else None,
    )


def api_of(shop: Shop, *, keys: bool = True) -> ApiClient:
    return ApiClient(services(shop, keys=keys))


ROUTES_OF_PAYMENTS = [
    route
    for subject in (payments, adoption)
    for route in subject.router.routes
    if isinstance(route, APIRoute)
]


@pytest.mark.parametrize("route", ROUTES_OF_PAYMENTS, ids=lambda route: route.name)
async def test_without_keys_every_one_says_how_to_enable_stripe(route: APIRoute) -> None:
    assert route.openapi_extra == NEEDS_GATEWAY
    (method,) = route.methods or {""}
    path = re.sub(r"\{\w+\}", "x", route.path)
    given = {"plan": "p", "now": False, "tenant": "acme", "again": True, "month": "2026-11"}
    given |= {"rows": [], "text": "", "source": "rows.csv"}
    wanted = {name for field in route.dependant.body_params for name in _fields(field)}
    wanted |= {field.name for field in route.dependant.query_params}
    client = api_of(Shop(), keys=False)
    send = getattr(client, method.lower())
    body = {key: value for key, value in given.items() if key in wanted}
    with pytest.raises(RefusedError, match="Stripe is not enabled, and nothing is charged"):
        await send(path, **body)


def _fields(field: Any) -> Iterable[str]:
    names: Iterable[str] = field.field_info.annotation.model_fields
    return names


async def test_a_gateways_fault_is_a_refusal_in_words() -> None:
    shop = Shop()
    shop.checkout_gateway.fault = GatewayError("checkout: no answer", away=True)
    with pytest.raises(RefusedError, match="no answer"):
        await api_of(shop).post("/tenants/acme/checkout", plan="starter")


async def test_a_checkout_by_the_year_is_one() -> None:
    offer = await api_of(Shop()).post("/tenants/acme/checkout", plan="starter", cycle="year")
    assert (offer["cycle"], offer["url"]) == ("year", "https://pay.invalid/cs_1")


async def test_subscriptions_are_shown_by_their_ids() -> None:
    shop = Shop()
    await shop.subscribe(Status.PAST_DUE)
    (row,) = await api_of(shop).get("/subscriptions")
    assert (row["subscription"], row["status"], row["period_ends_at"]) == (
        "sub_1",
        "past_due",
        None,
    )
    assert await api_of(shop).get("/subscriptions") == [row]
    with pytest.raises(RefusedError, match="tenant 'nobody' is unknown"):
        await api_of(shop).get("/subscriptions", tenant="nobody")


async def test_invoices_are_shown_with_money_as_it_is_written() -> None:
    shop = Shop()
    await shop.store.commit([invoice("in_1"), invoice("in_2", tenant="globex")])
    (row,) = await api_of(shop).get("/tenants/acme/gateway-invoices")
    assert (row["invoice"], row["total"], row["currency"]) == ("in_1", "29.00", "EUR")
    with pytest.raises(RefusedError, match="tenant 'nobody' is unknown"):
        await api_of(shop).get("/tenants/nobody/gateway-invoices")


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
    rows = await api_of(shop).get("/events/parked")
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
    await api_of(shop).put("/subscriptions/sub_1/tenant", tenant="acme")
    await api_of(shop).post("/tenants/acme/subscription/cancellation", now=False)
    result = await api_of(shop).delete("/tenants/acme/subscription/cancellation")
    assert result["subscription"]["cancel_at_period_end"] is False
    by_alice = [row.action for row in shop.store.audited if row.actor == "alice"]
    assert by_alice[-2:] == ["subscription cancel", "subscription reactivate"]
    assert "link" in by_alice


async def test_two_clicks_through_the_socket_are_one_offer() -> None:
    shop = Shop()
    checkouts = [api_of(shop).post("/tenants/acme/checkout", plan="starter") for _ in range(2)]
    offers = await asyncio.gather(*checkouts)
    assert offers[0] == offers[1]


async def test_an_invoice_run_says_what_became_of_each() -> None:
    (row,) = await api_of(Shop()).post("/usage-invoices", month="2026-11")
    assert (row["tenant"], row["state"], row["total"]) == ("acme", "issued", "11.90")
    with pytest.raises(RefusedError, match="cannot be reached"):
        await api_of(Shop()).post("/usage-invoices", month="2026-09")


async def test_usage_that_nothing_is_known_of_cannot_be_decided() -> None:
    view = await api_of(Shop()).get("/usage-events")
    assert view == {"unsent": {}, "oldest": None, "events": []}
    with pytest.raises(RefusedError, match="`pbxbilling stripe usage` lists those to decide"):
        await api_of(Shop()).put("/usage-events/pbx1:1.1/decision", again=True)

"""Final statements become invoices at Stripe: each once, and to the cent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.gateways.stripe import objects
from pbxbilling.gateways.stripe.client import Reply, StripeApi
from pbxbilling.gateways.stripe.invoices import StripeInvoices
from pbxbilling.kernel.errors import GatewayError, RejectedError
from pbxbilling.payments.facts import InvoiceIssued
from pbxbilling.payments.invoice_usage import UsageInvoicing
from pbxbilling.payments.records import InvoiceRun, RunState
from pbxbilling.payments.usage_invoice import InvoiceLine, UsageInvoice
from pbxbilling.runtime.database_url import DatabaseUrl
from pbxbilling.store.database.opening import database_at
from pbxbilling.store.store import SqlStore
from pbxbilling.subscriptions.facts import PaymentAlert
from rig.fakestripe import TEST_KEY, FakeStripe, Fault
from tests.support.billing.statements import BASIC, Office, utc

ITEMS = UsageCollection(CollectionMethod.INVOICE_ITEMS)
TAXED = replace(BASIC, tax_rate_bp=1900)


class Counter:
    """The billing run with November closed, and Stripe."""

    def __init__(self, fake: FakeStripe, api: StripeApi, **tenant: Any) -> None:
        self.fake = fake
        self.customer = fake.create_customer(name="Acme")
        fields: dict[str, Any] = {"usage_collection": ITEMS, "customer": self.customer} | tenant
        acme = replace(Tenant("acme", "basic", name="Acme Inc."), **fields)
        self.office = Office("2026-11-01T00:00", acme, plans=(TAXED,))
        self.api = api

    def invoicing(self) -> UsageInvoicing:
        """Return another life of the invoicing."""
        office = self.office
        return UsageInvoicing(
            StripeInvoices(self.api),
            office.store.statement_store,
            office.store.invoice_runs,
            office.store,
            office.registry,
            office.clock,
            office.tell,
        )

    async def november(self) -> None:
        await self.office.at("2026-11-01T00:00")
        await self.office.called("2026-11-20T12:00", 5)
        await self.office.at("2026-12-01T00:00:01")

    @property
    def made(self) -> list[dict[str, Any]]:
        return self.fake.all("invoice")


@pytest.fixture
def counter(fake: FakeStripe, api: StripeApi) -> Counter:
    return Counter(fake, api)


async def test_a_final_statement_is_invoiced_once_and_to_the_cent(counter: Counter) -> None:
    await counter.november()
    runs = await counter.invoicing().issue()
    assert await counter.invoicing().issue() == runs
    (invoice,), (final,) = counter.made, counter.office.finals
    assert (invoice["status"], invoice["customer"]) == ("open", counter.customer)
    assert invoice["total"] == final.total == runs[0].total
    texts = [line["description"] for line in invoice["lines"]["data"]]
    assert texts[-1] == "Tax 19.0 %"
    assert [event["type"] for event in counter.fake.events("invoice.sent")] == ["invoice.sent"]
    (told,) = [fact for fact in counter.office.facts if isinstance(fact, InvoiceIssued)]
    assert (told.invoice, told.month) == (invoice["id"], "2026-11")


async def test_an_unreadable_statement_delays_no_other(counter: Counter) -> None:
    acme = counter.office.registry.tenants["acme"]
    for slug in ("aaa", "zzz"):
        counter.office.registry.tenants[slug] = replace(acme, slug=slug)
        counter.office.closer._forget(slug)
    await counter.november()
    saved = counter.office.store.statement_store.saved
    broken = next(key for key in saved if key[0] == "aaa")
    saved[broken] = replace(saved[broken], document={})
    runs = await counter.invoicing().issue()
    assert {run.tenant for run in runs} == {"acme", "zzz"}
    (alert,) = [fact for fact in counter.office.facts if isinstance(fact, PaymentAlert)]
    assert (alert.subject, "KeyError" in alert.note) == ("tenant aaa", True)


class LossyApi(StripeApi):
    """Loses one call, either the request or (`arrives`) its answer. None loses no call."""

    def __init__(self, url: str, lost: int | None = None, *, arrives: bool = False) -> None:
        super().__init__(TEST_KEY, url)
        self._lost, self._arrives = lost, arrives
        self.calls = 0

    async def call(self, what: str, request: Awaitable[Any], limit_s: float = 10.0) -> Reply:
        self.calls += 1
        if self.calls != self._lost:
            return await super().call(what, request, limit_s)
        if self._arrives:
            await super().call(what, request, limit_s)
        else:
            asyncio.ensure_future(request).cancel()
        raise GatewayError(f"{what}: lost", away=True)


CALLS = 8  # find, create, three lines with the tax, look, finalize, send


@pytest.mark.parametrize("lost", range(1, CALLS + 1))
@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("pause_s", [0, 90_000], ids=["at once", "after the keys are forgotten"])
async def test_whatever_call_is_lost_there_is_one_invoice(
    counter: Counter, lost: int, pause_s: int, *, arrives: bool
) -> None:
    await counter.november()
    whole, counter.api = counter.api, LossyApi(counter.fake.url, lost, arrives=arrives)
    with pytest.raises(GatewayError):
        await counter.invoicing().issue()
    await counter.api.close()
    counter.api = whole
    counter.fake.clock.advance(pause_s)
    (run,) = await counter.invoicing().issue()
    (invoice,), (final,) = counter.made, counter.office.finals
    assert run.state is RunState.ISSUED
    assert (invoice["status"], invoice["total"]) == ("open", final.total)


async def test_every_call_was_lost_once(counter: Counter) -> None:
    await counter.november()
    counter.api = counted = LossyApi(counter.fake.url)
    await counter.invoicing().issue()
    await counted.close()
    assert counted.calls == CALLS


async def test_a_subscription_has_invoices_of_its_own_for_the_plan(
    fake: FakeStripe, api: StripeApi
) -> None:
    counter = Counter(fake, api, subscription="sub_1")
    await counter.november()
    await counter.invoicing().issue()
    (invoice,) = counter.made
    keys = [line["metadata"]["line"] for line in invoice["lines"]["data"]]
    assert keys == ["overage:500000", "tax:1900"]
    assert invoice["total"] == 150 + 29


@pytest.mark.parametrize("way", [CollectionMethod.NONE, CollectionMethod.METER_EVENTS])
async def test_usage_that_goes_another_way_is_not_invoiced(
    fake: FakeStripe, api: StripeApi, way: CollectionMethod
) -> None:
    counter = Counter(fake, api, usage_collection=UsageCollection(way))
    await counter.november()
    assert await counter.invoicing().issue() == []
    assert counter.made == []


async def test_a_period_that_was_switched_in_the_middle_is_left_to_a_person(
    fake: FakeStripe, api: StripeApi
) -> None:
    switched = UsageCollection(
        CollectionMethod.METER_EVENTS, CollectionMethod.INVOICE_ITEMS, utc("2026-11-15T00:00")
    )
    counter = Counter(fake, api, usage_collection=switched)
    await counter.november()
    (run,) = await counter.invoicing().issue()
    assert (run.state, counter.made) == (RunState.HELD, [])
    (alert,) = [fact for fact in counter.office.facts if isinstance(fact, PaymentAlert)]
    assert "is not invoiced: the way of charging its usage changed" in alert.note


async def test_a_past_month_is_run_by_hand_as_often_as_one_likes(counter: Counter) -> None:
    await counter.november()
    for _ in range(2):
        (run,) = await counter.invoicing().issue("2026-11")
        assert run.state is RunState.ISSUED
    assert await counter.invoicing().issue("2026-10") == []
    assert len(counter.made) == 1


async def test_nobody_is_invoiced_before_it_is_a_customer(fake: FakeStripe, api: StripeApi) -> None:
    counter = Counter(fake, api, customer=None)
    await counter.november()
    (run,) = await counter.invoicing().issue()
    assert (run.state, run.note) == (RunState.BEGUN, "its tenant is not a customer at Stripe yet")


async def test_an_invoice_that_says_something_else_is_not_sent(counter: Counter) -> None:
    await counter.november()
    counter.fake.break_api(Fault.ERROR, path="/v1/invoiceitems")
    with pytest.raises(GatewayError):
        await counter.invoicing().issue()
    counter.fake.mend_api()
    by_hand = InvoiceLine("by hand", "Something else", 1)
    order = UsageInvoice("acme", "2026-11", counter.customer, "EUR", (by_hand,))
    await StripeInvoices(counter.api).add(order, counter.made[0]["id"], by_hand)
    (run,) = await counter.invoicing().issue()
    (final,) = counter.office.finals
    ours, theirs = f"{final.total / 100:.2f} EUR", f"{(final.total + 1) / 100:.2f} EUR"
    assert run.state is RunState.HELD
    assert run.note.endswith(f"has total {theirs}, the statement {ours}")
    assert counter.made[0]["status"] == "draft"


@pytest.mark.parametrize(
    ("currency", "amounts", "own"),
    [
        ("ISK", (5, 7), (500, 700)),
        ("UGX", (5, 7), (500, 700)),
        ("JPY", (5, 7), (5, 7)),
        ("MGA", (550, 550), (6, 5)),
        ("KWD", (5124, 5124, 12), (5120, 5130, 10)),
        ("HUF", (1045, 1), (1045, 1)),
    ],
)
async def test_an_invoice_is_in_stripes_own_unit_and_agrees_with_the_order(
    fake: FakeStripe, api: StripeApi, currency: str, amounts: tuple[int, ...], own: tuple[int, ...]
) -> None:
    lines = tuple(InvoiceLine(str(n), "x", amount) for n, amount in enumerate(amounts))
    order = UsageInvoice("acme", "2026-11", fake.create_customer(), currency, lines)
    invoices = StripeInvoices(api)
    made = await invoices.create(order)
    for one in lines:
        assert not (await invoices.invoice(order, made.id)).agrees
        await invoices.add(order, made.id, one)
    assert (await invoices.invoice(order, made.id)).agrees
    (sent,) = fake.all("invoice")
    assert tuple(line["amount"] for line in sent["lines"]["data"]) == own
    mirrored = objects.invoice(sent, utc("2026-12-01T00:00"))
    assert abs(mirrored.total - order.total) <= 50


async def test_a_currency_that_stripe_does_not_take_is_left_to_a_person(
    fake: FakeStripe, api: StripeApi
) -> None:
    order = UsageInvoice(
        "acme", "2026-11", fake.create_customer(), "CLF", (InvoiceLine("1", "x", 10),)
    )
    with pytest.raises(RejectedError, match="CLF is no currency that Stripe takes"):
        await StripeInvoices(api).create(order)
    assert not fake.all("invoice")


async def test_an_invoice_of_many_lines_that_was_interrupted_gets_each_line_once(
    fake: FakeStripe, api: StripeApi
) -> None:
    lines = tuple(InvoiceLine(f"line {n}", "x", 100 + n) for n in range(130))
    order = UsageInvoice("acme", "2026-11", fake.create_customer(), "EUR", lines)
    invoices = StripeInvoices(api)
    made = await invoices.create(order)
    for one in lines[:120]:
        await invoices.add(order, made.id, one)
    found = await invoices.find(order)
    assert found is not None
    assert list(found.lines) == [one.key for one in lines[:120]]
    assert not found.agrees


async def test_runs_are_kept(shared_place: DatabaseUrl) -> None:
    run = InvoiceRun(
        "acme", "2026-11", RunState.BEGUN, utc("2026-12-01T00:00"), "in_1", 1190, "EUR", "why"
    )
    issued = replace(run, state=RunState.ISSUED, at=run.at + timedelta(days=1))
    async with await SqlStore.open(database_at(shared_place)) as store:
        await store.commit([run, replace(run, month="2026-10")])
        await store.commit([issued])
        assert await store.invoice_runs.runs("2026-11") == [issued]
        assert len(await store.invoice_runs.runs()) == 2

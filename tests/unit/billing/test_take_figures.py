"""The figures follow the registry and the store; the metrics show those last taken."""

from __future__ import annotations

from dataclasses import replace

from pbxbilling.accounts.facts import AccountsChanged
from pbxbilling.accounts.terms.in_force import InForce
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.status import Status
from pbxbilling.billing.figures import FiguresTaken
from pbxbilling.billing.take_figures import Figures, moves_figures
from pbxbilling.daemon.tasks.figures import FiguresTask
from pbxbilling.kernel.errors import StoreError
from pbxbilling.kernel.facts import Fact
from tests.support.billing.records import saved
from tests.support.subscriptions.records import invoice, subscription
from tests.support.subscriptions.shop import ACME, Shop
from tests.support.telemetry.facts import one_of_each

OVERAGE = {"lines": [{"kind": "overage", "amount_minor": 750}]}


def figures_of(shop: Shop) -> Figures:
    return Figures(
        shop.store.subscription_store,
        shop.store.statement_store,
        InForce(Policy(), shop.registry),
        shop.clock,
    )


async def test_they_are_of_now_and_of_the_month_asked_for() -> None:
    shop = Shop(replace(ACME, status=Status.PAST_DUE, subscription="sub_1"))
    bought = subscription(prices=("price_year",))
    owed = [invoice(currency="USD"), invoice("in_2", currency="USD", status="paid")]
    await shop.store.commit([bought, *owed, saved("2026-10", currency="USD", document=OVERAGE)])
    november = await figures_of(shop).take()
    (dollars,) = november.currencies
    assert november.month == "2026-11"
    assert (dollars.mrr, dollars.past_due, dollars.unpaid) == (2417, 1, 2900)
    assert dollars.usage == 0
    (dollars,) = (await figures_of(shop).take("2026-10")).currencies
    assert (dollars.usage, dollars.overage) == (750, 750)


async def test_each_tenant_adds_its_own() -> None:
    shop = Shop(
        replace(ACME, status=Status.PAST_DUE, subscription="sub_1"),
        replace(ACME, slug="demo", demo=True),
        replace(ACME, slug="globex"),
    )
    bought = subscription(prices=("price_year",))
    owed = invoice(currency="USD")
    of_globex = saved("2026-10", tenant="globex", currency="USD", document=OVERAGE)
    await shop.store.commit([bought, owed, of_globex])
    taken = figures_of(shop)
    acme, globex = await taken.by_tenant("2026-10", None, 10)
    assert (acme.tenant, acme.status, acme.figures.mrr) == ("acme", Status.PAST_DUE, 2417)
    assert (acme.figures.unpaid, acme.figures.usage) == (2900, 0)
    assert (globex.tenant, globex.figures.usage, globex.figures.unpaid) == ("globex", 750, 0)
    whole = (await taken.take("2026-10")).currencies[0]
    assert whole.mrr == acme.figures.mrr + globex.figures.mrr
    assert await taken.by_tenant("2026-10", "acme", 1) == [globex]
    assert await taken.by_tenant("2026-10", "globex", 1) == []


async def test_a_store_that_cannot_serve_leaves_those_before() -> None:
    class Away(Figures):
        async def take(self, month: str | None = None) -> FiguresTaken:
            raise StoreError("disk full")

    shop, told = Shop(), list[Fact]()
    away = Away(
        shop.store.subscription_store,
        shop.store.statement_store,
        InForce(Policy(), shop.registry),
        shop.clock,
    )
    await FiguresTask(away, told.append).look()
    assert told == []
    await FiguresTask(figures_of(shop), told.append).look()
    assert [type(fact) for fact in told] == [FiguresTaken]


def test_figures_do_not_move_themselves_and_no_call_moves_them() -> None:
    moving = {type(fact).__name__ for fact in one_of_each() if moves_figures(fact)}
    expected = {"AccountsChanged", "StatusChanged", "StatementSaved", "EventTaken"}
    assert moving == expected
    assert AccountsChanged.__name__ in moving

"""The business figures, each as docs/guides/figures.md defines it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.figures import Charged, CurrencyFigures, figures
from pbxbilling.billing.statements.statement import LineKind
from pbxbilling.catalog.plan import Cycle, Plan, Prices
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.kernel.period import period_of
from pbxbilling.subscriptions.subscription import Invoice, Subscription
from tests.support.subscriptions.records import invoice, subscription

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOVEMBER = period_of("2026-11", "UTC")
PRICES = {Cycle.MONTH: 2900, Cycle.YEAR: 31_321}
PRO = Plan("pro", currency="EUR", prices=PRICES, gateway_prices={STRIPE: Prices("flat", "year")})
FREE = Plan("free", currency="EUR")
DOLLAR = Plan("dollar", currency="USD", prices={Cycle.MONTH: 1000})
ACME = Tenant("acme", "pro")


def taken(*tenants: Tenant, **given: Any) -> dict[str, CurrencyFigures]:
    sold: list[Subscription] = given.get("subscriptions", [])
    found = figures(
        NOVEMBER,
        NOW,
        tenants,
        {plan.slug: plan for plan in (PRO, FREE, DOLLAR)},
        {one.id: one for one in sold},
        given.get("invoices", ()),
        given.get("charged", ()),
        grace_days=7,
    )
    return {one.currency: one for one in found}


def euros(*tenants: Tenant, **given: Any) -> CurrencyFigures:
    return taken(*tenants, **given)["EUR"]


@pytest.mark.parametrize("cycle", Cycle)
def test_a_price_of_any_cycle_counts_by_the_month(cycle: Cycle) -> None:
    plan = replace(PRO, prices={cycle: 1200})
    found = figures(NOVEMBER, NOW, [ACME], {"pro": plan}, {}, (), (), grace_days=7)
    assert [one.mrr for one in found] == [1200 // cycle.months]


@pytest.mark.parametrize(
    ("status", "paying"),
    [
        (Status.ACTIVE, 1),
        (Status.PAST_DUE, 1),
        (Status.TRIAL, 0),
        (Status.GRACE_PERIOD, 0),
        (Status.READ_ONLY, 0),
        (Status.CANCELLED, 0),
        (Status.INCOMPLETE, 0),
    ],
)
def test_who_is_active_or_past_due_counts(status: Status, paying: int) -> None:
    one = replace(ACME, status=status, status_since=NOW)
    assert (euros(one).paying, euros(one).mrr) == (paying, paying * 2900)


def test_a_missed_payment_counts_until_its_grace_is_over() -> None:
    owing = replace(ACME, status=Status.PAST_DUE, status_since=NOW - timedelta(days=8))
    assert euros(owing).mrr == 0
    assert euros(owing).churned == 1


def test_a_tenant_that_an_operator_suspended_still_pays() -> None:
    assert euros(replace(ACME, blocks=frozenset({Blocker.OPERATOR}))).mrr == 2900


def test_a_demo_is_in_nothing() -> None:
    assert taken(replace(ACME, demo=True)) == {}


def test_a_plan_without_a_price_has_no_payer() -> None:
    assert euros(Tenant("acme", "free")) == CurrencyFigures("EUR")


def yearly(count: int) -> CurrencyFigures:
    tenants = [Tenant(f"t{n}", "pro", subscription=f"sub_{n}") for n in range(count)]
    sold = [subscription(f"sub_{n}", prices=("year",)) for n in range(count)]
    return euros(*tenants, subscriptions=sold)


@pytest.mark.parametrize(("count", "mrr"), [(1, 2610), (2, 5220), (6, 15_661), (12, 31_321)])
def test_a_yearly_price_is_a_twelfth_rounded_in_the_sum(count: int, mrr: int) -> None:
    assert yearly(count).mrr == mrr


def test_trials_are_apart_and_end_by_the_clock() -> None:
    trying = replace(ACME, status=Status.TRIAL, trial_until=NOW + timedelta(days=1))
    over = replace(trying, slug="globex", trial_until=NOW - timedelta(days=1))
    found = euros(trying, over)
    assert (found.trials, found.trial_mrr, found.paying, found.mrr) == (1, 2900, 0, 0)


@pytest.mark.parametrize(
    ("changed", "churned"),
    [
        ({"status": Status.CANCELLED, "status_since": NOW}, 1),
        ({"status": Status.READ_ONLY, "status_since": NOVEMBER.begins}, 1),
        ({"status": Status.CANCELLED, "status_since": NOVEMBER.begins - timedelta(1)}, 0),
        ({"status": Status.CANCELLED, "status_since": NOW, "plan": "free"}, 0),
        ({"status": Status.READ_ONLY, "status_since": NOW, "trial_until": NOW}, 0),
        ({"status": Status.CANCELLED, "status_since": None}, 0),
    ],
)
def test_who_paid_and_left_in_the_month_churned(changed: dict[str, Any], churned: int) -> None:
    found = euros(replace(ACME, **changed))
    assert (found.churned, found.churned_mrr) == (churned, churned * 2900)


@pytest.mark.parametrize(
    ("one", "unpaid"),
    [
        (invoice(), 2900),
        (invoice(status="paid", paid_at=NOW), 0),
        (invoice(status="void"), 0),
    ],
)
def test_open_invoices_are_unpaid(one: Invoice, unpaid: int) -> None:
    found = euros(replace(ACME, status=Status.PAST_DUE, status_since=NOW), invoices=[one])
    assert (found.past_due, found.unpaid, found.unpaid_invoices) == (1, unpaid, bool(unpaid))


def test_usage_is_what_calls_cost_and_overage_a_part_of_it() -> None:
    charged = [Charged("EUR", kind, 10**n) for n, kind in enumerate(LineKind)]
    found = euros(charged=charged)
    usage = ("overage", "destination", "calls", "units", "adjustment")
    assert found.usage == sum(one.amount for one in charged if one.kind.value in usage)
    assert found.overage == charged[list(LineKind).index(LineKind.OVERAGE)].amount


def test_currencies_are_never_added_up() -> None:
    found = taken(ACME, Tenant("globex", "dollar"), charged=[Charged("JPY", LineKind.CALLS, 5)])
    assert {code: (one.mrr, one.usage) for code, one in found.items()} == {
        "EUR": (2900, 0), "JPY": (0, 5), "USD": (1000, 0),
    }  # fmt: skip


@given(st.lists(st.sampled_from(["pro", "free", "dollar"])), st.lists(st.sampled_from(["pro"])))
def test_revenue_is_additive(some: list[str], others: list[str]) -> None:
    def of(plans: list[str], currency: str) -> int:
        tenants = [Tenant(f"t{n}", plan) for n, plan in enumerate(plans)]
        return taken(*tenants).get(currency, CurrencyFigures(currency)).mrr

    for currency in ("EUR", "USD"):
        together = of([*some, *others], currency)
        assert together == of(some, currency) + of(others, currency) >= 0

"""A plan's prices at Stripe, compared with the plan."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from pbxbilling.catalog.plan import SOLD_CYCLES, Cycle, Plan, Prices
from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.prices import Found, judge_plan, priced, wanted_prices
from pbxbilling.gateways.stripe.audit_objects import MeterFound, PriceFound, Tier
from pbxbilling.gateways.stripe.meter import EVENT_NAME
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.kernel.gateway_names import STRIPE

PLAN = Plan(
    "starter",
    currency="EUR",
    prices={Cycle.MONTH: 2900, Cycle.YEAR: 31300},
    included_minutes=500,
    overage_per_minute_micros=500_000,
    setup_fee=24900,
    gateway_prices={STRIPE: Prices("flat", "yearly", "metered", "setup")},
)
TIERS = (Tier(500), Tier(None, Decimal(50)))
GOOD: dict[str, Found] = {
    "flat": PriceFound("flat", True, False, "EUR", Decimal(2900), 1),
    "yearly": PriceFound("yearly", True, False, "EUR", Decimal(31300), 12),
    "metered": PriceFound(
        "metered", True, False, "EUR", None, 1, True, "mtr_1", TIERS, "graduated"
    ),
    "setup": PriceFound("setup", True, False, "EUR", Decimal(24900), 0),
}
METERS = {
    "mtr_1": MeterFound("mtr_1", EVENT_NAME, True, "sum", "stripe_customer_id", "value"),
}
PER_UNIT: dict[str, object] = {"tiers": (), "tiers_mode": ""}


def judged(plan: Plan = PLAN, **found: Found) -> list[Check]:
    return list(judge_plan(plan, GOOD | found, METERS, live=False))


def other(key: str, **changed: object) -> Found:
    good = GOOD[key]
    assert isinstance(good, PriceFound)
    return replace(good, **changed)  # type: ignore[arg-type]


def one_that_is_not_ok(checks: list[Check]) -> Check:
    (bad,) = [check for check in checks if check.result is not Result.OK]
    return bad


def test_prices_that_charge_what_the_plan_says_are_good() -> None:
    assert [check.result for check in judged()] == [Result.OK] * 4
    assert sorted(priced(PLAN)) == ["flat", "metered", "setup", "yearly"]


@pytest.mark.parametrize(
    ("key", "changed", "told"),
    [
        ("flat", {"active": False}, "flat is archived at Stripe"),
        ("flat", {"currency": "USD"}, "flat is in USD, the plan in EUR"),
        ("flat", {"months": 12}, "flat is due by the year, and not by the month"),
        ("flat", {"months": None}, "is due by days or weeks, and not by the month"),
        ("yearly", {"months": 2}, "is due every 2 months, and not by the year"),
        ("yearly", {"months": 3}, "is due by the quarter, and not by the year"),
        ("setup", {"months": 1}, "is due by the month, and not once"),
        ("flat", {"metered": True}, "is metered"),
        ("metered", {"metered": False}, "is not metered"),
        ("flat", {"unit": Decimal(2901)}, "costs 29.01 EUR, the plan 29.00 EUR"),
        ("flat", {"unit": Decimal("2900.5")}, "costs 29.005 EUR, the plan 29.00 EUR"),
        ("flat", {"divided": True}, "divides quantities before it charges them"),
        ("flat", {"unit": None, "tiers": TIERS}, "costs 0.00 EUR, the plan 29.00 EUR"),
        ("setup", {"unit": None}, "costs an amount that its customer chooses, the plan 249.00"),
        ("metered", PER_UNIT | {"unit": Decimal(60)}, "costs 0.60 EUR a minute, which is not over"),
        ("metered", PER_UNIT | {"unit": Decimal("50.5")}, "costs 0.505 EUR a minute, which is not"),
        ("flat", {"live": True}, "flat is not in test mode"),
    ],
)
def test_a_price_that_is_not_as_the_plan_fails(
    key: str, changed: dict[str, object], told: str
) -> None:
    checks = judge_plan(PLAN, GOOD | {key: other(key, **changed)}, METERS, live=False)
    bad = one_that_is_not_ok(list(checks))
    assert (bad.subject, bad.name, bad.result) == ("plan starter", key, Result.FAIL)
    assert told in bad.found
    assert f"stripe_prices.{key}" in bad.mend


def test_an_id_that_stripe_does_not_know_fails() -> None:
    assert one_that_is_not_ok(judged(flat=None)).found == "flat is not in test mode"


def test_a_price_that_could_not_be_asked_for_fails() -> None:
    bad = one_that_is_not_ok(judged(flat=GatewayError("price flat: no answer", away=True)))
    assert (bad.result, bad.found) == (Result.FAIL, "price flat: no answer")


def test_included_minutes_need_a_price_in_tiers() -> None:
    bad = one_that_is_not_ok(judged(metered=other("metered", **PER_UNIT, unit=Decimal(50))))
    assert (bad.result, bad.name) == (Result.WARN, "metered")
    assert "charges every minute, but the plan includes 500" in bad.found
    without = replace(PLAN, included_minutes=0)
    assert (
        judged(without, metered=other("metered", **PER_UNIT, unit=Decimal(50)))[2].result
        is Result.OK
    )


@pytest.mark.parametrize(
    ("key", "result"),
    [
        ("flat", Result.WARN),
        ("yearly", Result.WARN),
        ("metered", Result.WARN),
        ("setup", Result.FAIL),
    ],
)
def test_a_missing_id_is_told(key: str, result: Result) -> None:
    prices = replace(PLAN.prices_at(STRIPE), **{key: ""})
    plan = replace(PLAN, gateway_prices={STRIPE: prices})
    bad = one_that_is_not_ok(judged(plan))
    assert (bad.name, bad.result) == (key, result)


def test_a_free_plan_needs_no_prices() -> None:
    assert list(judge_plan(Plan("free", prices={Cycle.MONTH: 0}), {}, {}, live=False)) == []


@pytest.mark.parametrize(
    ("currency", "amount", "unit", "result"),
    [
        ("ISK", 2900, "290000", Result.OK),
        ("ISK", 2900, "2900", Result.FAIL),
        ("UGX", 2900, "290000", Result.OK),
        ("MGA", 290000, "2900", Result.OK),
        ("MGA", 290000, "290000", Result.FAIL),
        ("JPY", 2900, "2900", Result.OK),
        ("KWD", 2900, "2900", Result.OK),
        ("KWD", 2905, "2905", Result.FAIL),
        ("HUF", 2905, "2905", Result.OK),
    ],
)
def test_a_price_is_compared_in_stripes_own_unit(
    currency: str, amount: int, unit: str, result: Result
) -> None:
    plan = Plan(
        "starter",
        currency=currency,
        prices={Cycle.MONTH: amount},
        gateway_prices={STRIPE: Prices("flat")},
    )
    found = {"flat": other("flat", currency=currency, unit=Decimal(unit))}
    (check,) = judge_plan(plan, found, {}, live=False)
    assert check.result is result


def test_a_currency_that_stripe_does_not_take_fails_by_name() -> None:
    bad = one_that_is_not_ok(judged(replace(PLAN, currency="CLF")))
    assert (bad.name, bad.result) == ("currency", Result.FAIL)
    assert bad.found.startswith("CLF is no currency that Stripe takes")
    assert (
        list(judge_plan(replace(PLAN, currency="CLF", gateway_prices={}), {}, {}, live=False)) == []
    )


@pytest.mark.parametrize("cycle", Cycle)
def test_a_price_of_each_cycle_that_is_sold_is_compared_by_its_months(cycle: Cycle) -> None:
    wanted = {one.key: one.months for one in wanted_prices(PLAN)}
    if cycle in SOLD_CYCLES:
        assert wanted[SOLD_CYCLES[cycle]] == cycle.months


def test_an_id_for_a_cycle_that_the_plan_does_not_sell_fails() -> None:
    bad = one_that_is_not_ok(judged(replace(PLAN, prices={Cycle.MONTH: 2900})))
    assert "costs 313.00 EUR, the plan names no price for that" in bad.found

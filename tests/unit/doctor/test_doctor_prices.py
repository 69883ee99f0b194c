"""A plan's prices at Stripe, compared with the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pbxbilling.catalog.plan import Cycle, Plan, Prices
from pbxbilling.doctor.check import Check, Result
from pbxbilling.doctor.prices import Found, judge_plan, priced
from pbxbilling.kernel.errors import GatewayError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.subscriptions.order import PriceFound

PLAN = Plan(
    "starter",
    currency="EUR",
    prices={Cycle.MONTH: 2900, Cycle.YEAR: 31300},
    included_minutes=500,
    overage_per_minute_micros=500_000,
    setup_fee=24900,
    gateway_prices={STRIPE: Prices("flat", "yearly", "metered", "setup")},
)
GOOD: dict[str, Found] = {
    "flat": PriceFound("flat", True, False, "EUR", 2900, 1, False),
    "yearly": PriceFound("yearly", True, False, "EUR", 31300, 12, False),
    "metered": PriceFound("metered", True, False, "EUR", None, 1, True),
    "setup": PriceFound("setup", True, False, "EUR", 24900, 0, False),
}


def judged(plan: Plan = PLAN, **found: Found) -> list[Check]:
    return list(judge_plan(plan, GOOD | found, live=False))


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
        ("flat", {"amount": 2901}, "costs 29.01 EUR, the plan 29.00"),
        ("setup", {"amount": None}, "costs in tiers or fractions, not compared, the plan 249.00"),
        ("metered", {"amount": 60}, "costs 0.60 EUR a minute, which is not overage_per_minute"),
        ("flat", {"live": True}, "flat is not in test mode"),
    ],
)
def test_a_price_that_is_not_as_the_plan_fails(
    key: str, changed: dict[str, object], told: str
) -> None:
    checks = judge_plan(PLAN, GOOD | {key: other(key, **changed)}, live=False)
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
    bad = one_that_is_not_ok(judged(metered=other("metered", amount=50)))
    assert (bad.result, bad.name) == (Result.WARN, "metered")
    assert "charges every minute, but the plan includes 500" in bad.found
    without = replace(PLAN, included_minutes=0)
    assert judged(without, metered=other("metered", amount=50))[2].result is Result.OK


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
    assert list(judge_plan(Plan("free", prices={Cycle.MONTH: 0}), {}, live=False)) == []


def test_an_id_for_a_cycle_that_the_plan_does_not_sell_fails() -> None:
    bad = one_that_is_not_ok(judged(replace(PLAN, prices={Cycle.MONTH: 2900})))
    assert "costs 313.00 EUR, the plan names no price for that" in bad.found

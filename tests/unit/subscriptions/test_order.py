"""Which plan the prices of a subscription sell."""

from __future__ import annotations

import pytest

from pbxbilling.catalog.plan import Plan, Prices
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.subscriptions.order import plan_sold_by

SMALL = Plan(
    "small", gateway_prices={STRIPE: Prices("small_month", "small_year", "minutes", "setup")}
)
LARGE = Plan(
    "large", gateway_prices={STRIPE: Prices("large_month", "large_year", "minutes", "setup")}
)
METERED = Plan("metered", gateway_prices={STRIPE: Prices(metered="by_the_minute")})
PLANS = {plan.slug: plan for plan in (SMALL, Plan("free"), LARGE, METERED)}


@pytest.mark.parametrize(
    ("prices", "sold"),
    [
        (("small_month", "minutes"), "small"),
        (("minutes", "large_year", "setup"), "large"),
        (("by_the_minute",), "metered"),
        (("large_month", "by_the_minute"), "large"),
        (("minutes",), None),
        (("small_month", "large_month"), None),
        (("setup",), None),
        (("somebody_elses", ""), None),
        ((), None),
    ],
)
def test_a_plan_is_found_by_its_own_price_and_by_its_usage_price_only_without_one(
    prices: tuple[str, ...], sold: str | None
) -> None:
    assert plan_sold_by(PLANS, prices) == sold

"""Tiers and meter of a metered price, compared with the plan and with what the daemon sends."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.catalog.plan import Plan
from pbxbilling.doctor.usage_price import usage_faults
from pbxbilling.gateways.stripe.audit_objects import MeterFound, PriceFound, Tier
from pbxbilling.gateways.stripe.meter import EVENT_NAME
from pbxbilling.kernel.errors import GatewayError

METER = MeterFound("mtr_1", EVENT_NAME, True, "sum", "stripe_customer_id", "value")
PLAN = Plan("pro", currency="EUR", included_minutes=500, overage_per_minute_micros=500_000)
FREE, RATE = Decimal(0), Decimal(50)


def price(*tiers: Tier, mode: str = "graduated", unit: str | None = None) -> PriceFound:
    amount = None if unit is None else Decimal(unit)
    return PriceFound("p", True, False, "EUR", amount, 1, True, "mtr_1", tiers, mode)


def faults(found: PriceFound, plan: Plan = PLAN) -> list[str]:
    return list(usage_faults(plan, found, {"mtr_1": METER}))


GOOD = price(Tier(500), Tier(None, RATE))


@pytest.mark.parametrize(
    ("included", "tiers"),
    [
        (500, [Tier(500), Tier(None, RATE)]),
        (500, [Tier(100), Tier(500), Tier(1000, RATE), Tier(None, RATE)]),
        (0, [Tier(None, RATE)]),
        (0, [Tier(10, RATE), Tier(None, RATE)]),
        (None, [Tier(None)]),
        (None, [Tier(500), Tier(None)]),
    ],
)
def test_tiers_that_charge_what_the_plan_says_are_good(
    included: int | None, tiers: list[Tier]
) -> None:
    assert faults(price(*tiers), replace(PLAN, included_minutes=included)) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (price(Tier(500), Tier(None, RATE), mode="volume"), "is in tiers by volume, which charge"),
        (
            price(Tier(300), Tier(None, RATE)),
            "has 300 minutes without charge in its first tier, the",
        ),
        (price(Tier(None)), "has every minute without charge in its first tier, the plan 500"),
        (price(Tier(None, RATE)), "has 0 minutes without charge in its first tier, the plan 500"),
        (price(Tier(500), Tier(None, Decimal("50.5"))), "costs 0.505 EUR a minute beyond it, the"),
        (
            price(Tier(500), Tier(600, RATE), Tier(None, Decimal(40))),
            "costs 0.40 EUR, 0.50 EUR a mi",
        ),
        (price(Tier(500), Tier(600, RATE), Tier(None)), "has other tiers than the plan"),
        (price(Tier(500, flat=Decimal(1)), Tier(None, RATE)), "has a tier with a flat amount"),
        (price(unit="49.999999"), "costs 0.49999999 EUR a minute, which is not overage_per_minute"),
        (price(), "costs an amount in no known form a minute"),
        (replace(GOOD, meter=None), "has no meter, so no usage reaches it"),
        (replace(GOOD, meter="mtr_2"), "has a meter that Stripe does not know, mtr_2"),
    ],
)
def test_what_charges_otherwise_is_named(found: PriceFound, told: str) -> None:
    (fault, *_) = faults(found)
    assert fault.startswith(told)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"event_name": "minutes"},
            'has a meter with the event name "minutes", and the daemon sen',
        ),
        (
            {"formula": "count"},
            'has a meter with the aggregation "count", and the daemon sends "sum',
        ),
        ({"customer_key": "customer"}, 'has a meter with the customer key "customer"'),
        ({"value_key": "minutes"}, 'has a meter with the value key "minutes"'),
        ({"active": False}, "has an inactive meter, mtr_1"),
    ],
)
def test_a_meter_that_does_not_count_the_daemons_events_is_named(
    changed: dict[str, object], told: str
) -> None:
    meter = replace(METER, **changed)  # type: ignore[arg-type]
    (fault,) = usage_faults(PLAN, GOOD, {"mtr_1": meter})
    assert fault.startswith(told)


def test_a_meter_that_could_not_be_asked_for_is_a_fault() -> None:
    away = GatewayError("meter mtr_1: no answer", away=True)
    (fault,) = usage_faults(PLAN, GOOD, {"mtr_1": away})
    assert "meter mtr_1: no answer" in fault


TIERS = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 3)), min_size=1, max_size=4)


@given(
    steps=TIERS,
    included=st.none() | st.integers(0, 60),
    rate=st.integers(0, 3),
)
def test_tiers_are_good_exactly_where_every_quantity_costs_the_same(
    steps: list[tuple[int, int]], included: int | None, rate: int
) -> None:
    ends = [sum(length for length, _ in steps[: n + 1]) for n in range(len(steps))]
    tiers = [Tier(end, Decimal(unit)) for end, (_, unit) in zip(ends, steps, strict=True)]
    tiers[-1] = replace(tiers[-1], up_to=None)
    plan = replace(PLAN, included_minutes=included, overage_per_minute_micros=rate * 10_000)

    def ours(quantity: int) -> int:
        return 0 if included is None else rate * max(0, quantity - included)

    def theirs(quantity: int) -> Decimal:
        total, begun = Decimal(0), 0
        for tier in tiers:
            end = quantity if tier.up_to is None else min(quantity, tier.up_to)
            total += max(0, end - begun) * tier.unit
            begun = max(begun, end)
        return total

    same = all(ours(quantity) == theirs(quantity) for quantity in range(150))
    assert (faults(price(*tiers), plan) == []) is same

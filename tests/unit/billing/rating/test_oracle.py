"""A statement's overage is what a graduated tier at Stripe would charge for the same calls.

The oracle shares no arithmetic with the code: an event of whole minutes for each leg, their sum,
then tier by tier at unit amounts in decimal cents, as the documentation of prices describes.
https://docs.stripe.com/billing/subscriptions/usage-based/pricing-models (graduated),
https://docs.stripe.com/api/prices/create (unit_amount_decimal, tiers)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.rating import UsedLeg, rate
from pbxbilling.billing.rating.tariff import Tariff
from pbxbilling.billing.statements.build import statement_of
from pbxbilling.billing.statements.statement import LineKind, StatementKind
from pbxbilling.catalog.plan import PER_MINUTE, Cycle, Plan, unmeterable
from pbxbilling.kernel.codes import LegDirection
from tests.support.billing.months import DIRECTIONS, legs
from tests.support.billing.tariffs import NOVEMBER, throughout, used


@dataclass(frozen=True)
class Tier:
    """Units up to a limit (None: all), each at so many cents."""

    up_to: int | None
    unit_amount_decimal: Decimal


def tiers_of(included_minutes: int, cents: Decimal) -> list[Tier]:
    free = [Tier(included_minutes, Decimal(0))] if included_minutes else []
    return [*free, Tier(None, cents)]


def meter_events(used_legs: Iterable[UsedLeg], directions: frozenset[LegDirection]) -> list[int]:
    """Return the value of each event: a leg's minutes, rounded up; an emergency has none."""
    values = []
    for leg in used_legs:
        if leg.direction in directions and leg.talk_us > 0 and not leg.emergency:
            minutes, rest = divmod(Decimal(leg.talk_us), Decimal(60_000_000))
            values.append(int(minutes) + (1 if rest else 0))
    return values


def invoice_line(events: list[int], tiers: list[Tier]) -> int:
    """Return the cents for the sum of the events, each unit at the price of its tier."""
    quantity, begins, amount = sum(events), 0, Decimal(0)
    for tier in tiers:
        ends = quantity if tier.up_to is None else min(tier.up_to, quantity)
        amount += max(0, ends - begins) * tier.unit_amount_decimal
        begins = max(begins, ends)
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def statement_line(used_legs: list[UsedLeg], terms: Tariff) -> int:
    """Return the overage of a statement of the same legs."""
    tariff_versions = throughout(terms, NOVEMBER)
    statement = statement_of(
        Tenant("acme", terms.plan),
        NOVEMBER,
        StatementKind.FINAL,
        NOVEMBER.ends,
        tariff_versions,
        rate(used_legs, tariff_versions),
    )
    assert {line.kind for line in statement.lines} <= {LineKind.OVERAGE}
    return statement.net


# Cents a minute, as prices at Stripe have them: whole, and with decimals.
CENTS = st.sampled_from(["50", "1", "0", "1.5", "2.25", "0.4999", "12.3456"]).map(Decimal)
MONTHS = legs(most=60)


def agree(
    used_legs: list[UsedLeg], included: int, cents: Decimal, directions: frozenset[LegDirection]
) -> None:
    plan = Plan(
        "voice-500",
        currency="EUR",
        prices={Cycle.MONTH: 204_00},
        setup_fee=249_00,
        included_minutes=included,
        included_directions=directions,
        overage_per_minute_micros=int(cents * 10_000),
        billing_increment=PER_MINUTE,
    )
    assert unmeterable(plan) == ()
    terms = Tariff.of(plan, Tenant("acme", plan.slug))
    charged = invoice_line(meter_events(used_legs, directions), tiers_of(included, cents))
    assert statement_line(used_legs, terms) == charged


INCLUDED = st.integers(0, 20) | st.integers(0, 3_000)
OUTBOUND = frozenset({LegDirection.OUTBOUND})


@settings(max_examples=300)
@example([used(20, 1, "a"), used(20, 2, "b"), used(21, 3, "c")], 0, Decimal(50), OUTBOUND)
@example([used(60.000001)], 0, Decimal(50), OUTBOUND)
@example([used(61)], 1, Decimal("0.5"), OUTBOUND)
@given(MONTHS, INCLUDED, CENTS, DIRECTIONS)
def test_a_statement_equals_the_graduated_tier(
    used_legs: list[UsedLeg], included: int, cents: Decimal, directions: frozenset[LegDirection]
) -> None:
    agree(used_legs, included, cents, directions)


@pytest.mark.soak
@settings(max_examples=5_000)
@given(MONTHS, INCLUDED, CENTS, DIRECTIONS)
def test_thousands_of_statements_equal_the_graduated_tier(
    used_legs: list[UsedLeg], included: int, cents: Decimal, directions: frozenset[LegDirection]
) -> None:
    agree(used_legs, included, cents, directions)


def test_the_oracle_charges_as_by_hand() -> None:
    events = [300, 250, 51]  # 601 minutes, 500 of them free
    assert invoice_line(events, tiers_of(500, Decimal(50))) == 101 * 50
    assert invoice_line(events, tiers_of(601, Decimal(50))) == 0
    assert invoice_line([1], tiers_of(0, Decimal("0.5"))) == 1
    assert invoice_line([], tiers_of(0, Decimal(50))) == 0

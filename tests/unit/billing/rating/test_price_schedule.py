"""The products sold to a tenant in a period, and the price due for each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pbxbilling.accounts.records import PlanSwitched
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.history import History
from pbxbilling.billing.rating.price_schedule import PriceSchedule, conditions
from pbxbilling.catalog.plan import Cycle, Plan, Prices
from pbxbilling.kernel.errors import ContradictionError
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.kernel.period import Period, period_of
from pbxbilling.subscriptions.subscription import Subscription

NOVEMBER = period_of("2026-11", "UTC")
STARTER = Plan(
    "starter",
    included_minutes=100,
    prices={Cycle.MONTH: 3000, Cycle.YEAR: 36_500},
    setup_fee=500,
    overage_per_minute_micros=500_000,
    gateway_prices={STRIPE: Prices("flat_s", "year_s")},
)
PRO = replace(
    STARTER,
    slug="pro",
    prices={Cycle.MONTH: 6000, Cycle.YEAR: 73_000},
    gateway_prices={STRIPE: Prices("flat_p", "year_p")},
)
PLANS = {plan.slug: plan for plan in (STARTER, PRO)}
ACME = Tenant("acme", "pro", setup_paid_at=datetime(2026, 1, 1, tzinfo=UTC))


def day(number: int, month: int = 11) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


def in_november(
    tenant: Tenant = ACME,
    *switches: PlanSwitched,
    period: Period = NOVEMBER,
    subscription: Subscription | None = None,
) -> PriceSchedule:
    led = [subscription] if subscription is not None else []
    return conditions(tenant, period, History(switches, subscriptions=led), PLANS)


def switch(at: datetime, before: str = "starter", after: str = "pro") -> PlanSwitched:
    return PlanSwitched("acme", at, before, after)


def plans(schedule: PriceSchedule) -> list[tuple[str, datetime, datetime]]:
    return [(s.tariff.plan, s.begins, s.ends) for s in schedule.tariff_versions]


def amounts(schedule: PriceSchedule) -> list[int]:
    return [part.amount for part in schedule.prices]


def test_one_plan_all_month_costs_its_price() -> None:
    schedule = in_november()
    assert plans(schedule) == [("pro", day(1), day(1, 12))]
    assert (amounts(schedule), schedule.changes, schedule.with_setup) == ([6000], (), False)


def test_each_plan_costs_the_seconds_that_it_was_in_force() -> None:
    schedule = in_november(ACME, switch(day(11)))
    assert plans(schedule) == [("starter", day(1), day(11)), ("pro", day(11), day(1, 12))]
    assert amounts(schedule) == [1000, 4000]


@pytest.mark.parametrize(
    ("at", "plan"),
    [(day(1), "pro"), (day(1, 12), "starter"), (day(5, 12), "starter")],
    ids=["at its first instant", "at its end", "later"],
)
def test_a_change_outside_a_period_leaves_it_whole(at: datetime, plan: str) -> None:
    assert plans(in_november(ACME, switch(at))) == [(plan, day(1), day(1, 12))]


def test_a_plan_that_was_left_and_taken_up_again_is_two_stretches() -> None:
    schedule = in_november(ACME, switch(day(11), "pro", "starter"), switch(day(21)))
    assert [plan for plan, *_ in plans(schedule)] == ["pro", "starter", "pro"]
    assert amounts(schedule) == [2000, 1000, 2000]


def test_a_part_of_a_month_costs_a_part() -> None:
    stub = Period("2026-11", day(1), day(11))
    assert amounts(in_november(period=stub)) == [2000]
    rest = Period("2026-11.2", day(11), day(1, 12))
    assert amounts(in_november(period=rest)) == [4000]


def test_nothing_is_charged_until_a_trial_ends() -> None:
    schedule = in_november(replace(ACME, trial_until=day(21)))
    assert [s.tariff.overage_per_minute_micros for s in schedule.tariff_versions] == [0, 500_000]
    assert amounts(schedule) == [0, 2000]


@pytest.mark.parametrize(
    "unpaid",
    [
        {"status": Status.INCOMPLETE},
        {"status": Status.TRIAL, "trial_until": day(21)},
        {"status": Status.GRACE_PERIOD, "trial_until": day(2, 10)},
        {"status": Status.CANCELLED, "status_since": day(1), "subscription": "sub_1"},
        {"status": Status.READ_ONLY, "status_since": day(2, 10)},
    ],
    ids=lambda unpaid: unpaid["status"],
)
def test_no_price_is_due_of_who_does_not_pay_yet_or_any_more(unpaid: dict[str, object]) -> None:
    tenant = replace(ACME, setup_paid_at=None, **unpaid)  # type: ignore[arg-type]
    schedule = in_november(tenant)
    assert (schedule.prices, schedule.with_setup) == ((), False)


def test_the_period_in_which_a_tenant_leaves_is_due() -> None:
    gone = replace(ACME, status=Status.CANCELLED, status_since=day(20), subscription="sub_1")
    assert amounts(in_november(gone)) == [6000]


def test_the_setup_fee_is_due_once() -> None:
    assert in_november(replace(ACME, setup_paid_at=None)).with_setup
    assert in_november(replace(ACME, setup_paid_at=day(3))).with_setup
    assert not in_november(replace(ACME, setup_paid_at=day(3, 10))).with_setup
    linked = replace(ACME, setup_paid_at=None, subscription="sub_1")
    assert not in_november(linked).with_setup


def yearly(begins: datetime) -> Subscription:
    ends = begins.replace(year=begins.year + 1)
    return Subscription(
        "sub_1",
        "cus_1",
        Status.ACTIVE,
        ("year_p",),
        begins,
        begins,
        live=False,
        period_start=begins,
        period_end=ends,
    )


def test_the_price_of_a_year_is_due_where_the_year_begins() -> None:
    linked = replace(ACME, subscription="sub_1")
    assert amounts(in_november(linked, subscription=yearly(day(1)))) == [73_000]
    assert amounts(in_november(linked, subscription=yearly(day(1, 10)))) == []
    last_year = yearly(datetime(2025, 11, 1, tzinfo=UTC))
    assert amounts(in_november(linked, subscription=last_year)) == [73_000]


def test_a_year_from_a_leap_day_on_begins_on_the_next_one() -> None:
    begins = datetime(2028, 2, 29, tzinfo=UTC)
    yearly_plan = replace(
        yearly(datetime(2028, 2, 28, tzinfo=UTC)),
        period_start=begins,
        period_end=datetime(2029, 2, 28, tzinfo=UTC),
    )
    linked = replace(ACME, subscription="sub_1")
    later = begins.replace(year=2032)
    before = Period("2032-01", later - timedelta(days=31), later)
    month = Period("2032-02", later, later + timedelta(days=29))
    assert amounts(in_november(linked, period=before, subscription=yearly_plan)) == []
    assert amounts(in_november(linked, period=month, subscription=yearly_plan)) == [73_000]


def test_a_change_of_plan_within_a_year_is_a_credit_and_a_charge() -> None:
    linked = replace(ACME, subscription="sub_1")
    schedule = in_november(linked, switch(day(11)), subscription=yearly(day(1, 10)))
    (change,) = schedule.changes
    left = (day(1, 10) + timedelta(days=365) - day(11)).days
    assert (change.credit, change.charge) == (left * 100, left * 200)
    assert schedule.prices == ()


def test_a_plan_that_nobody_knows_is_an_error_that_names_it() -> None:
    with pytest.raises(ContradictionError, match="tenant acme: its plan 'gone' is unknown"):
        in_november(replace(ACME, plan="gone"))


def test_the_rest_of_a_month_before_a_subscription_has_no_price() -> None:
    linked = replace(ACME, subscription="sub_1")
    monthly = replace(yearly(day(21)), prices=("flat_p",), period_end=day(21, 12))
    before, first = Period("2026-11", day(1), day(21)), Period("2026-11.2", day(21), day(21, 12))
    assert amounts(in_november(linked, period=before, subscription=monthly)) == []
    assert amounts(in_november(linked, period=first, subscription=monthly)) == [6000]

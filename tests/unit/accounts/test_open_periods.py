"""What an accounts file cannot change while a period is open, and that all else can be charged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxbilling.accounts.apply import AccountsError, AccountsFile, plan_changes
from pbxbilling.accounts.terms.policy import Policy
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.billing.facts import StatementFailed
from pbxbilling.catalog.plan import Cycle, Plan
from tests.support.billing.statements import ACME, BASIC, PRO, Office, utc
from tests.support.kernel.actors import named

FREE = Plan("free")
DOLLARS = replace(BASIC, slug="dollars", currency="USD")
QUARTER = replace(BASIC, slug="quarter", prices={Cycle.QUARTER: 3000})
PLANS = (BASIC, PRO, FREE, DOLLARS, QUARTER)
METERED = replace(ACME, usage_collection=UsageCollection(CollectionMethod.METER_EVENTS))


def office(tenant: Tenant = ACME, now: str = "2026-11-16T00:00") -> Office:
    return Office(now, tenant, plans=PLANS)


async def applied(at: Office, *plans: Plan, tenants: tuple[Tenant, ...] = ()) -> list[str]:
    """Apply a file with these plans and tenants; return the problems that it was refused for."""
    file = AccountsFile(plans, tenants, {})
    try:
        changes = plan_changes(at.registry, file, at.clock.now(), Policy())
    except AccountsError as error:
        return error.problems
    await at.writer.write("apply", changes, named("root"))
    return []


@pytest.mark.parametrize(
    ("tenant", "plan", "said"),
    [
        (ACME, "dollars", "basic is in EUR and dollars in USD, and a statement has one currency"),
        (ACME, "quarter", "basic is paid by the month and quarter by the quarter"),
        (METERED, "pro", "acme is charged by meter events, which cannot mix the minutes"),
    ],
    ids=["currency", "cycle", "meter"],
)
async def test_a_move_that_a_statement_cannot_show_is_refused(
    tenant: Tenant, plan: str, said: str
) -> None:
    at = office(tenant)
    (problem,) = await applied(at, tenants=(replace(tenant, plan=plan),))
    assert problem.startswith(f"tenant acme: plan: {said}")
    assert f"`plan change acme {plan} --at INSTANT`" in problem
    assert at.registry.tenants["acme"].plan == "basic"


@pytest.mark.parametrize(
    ("tenant", "plan"),
    [
        (ACME, "pro"),
        (replace(ACME, plan="free"), "basic"),
        (replace(ACME, plan="free"), "dollars"),
        (replace(METERED, demo=True), "pro"),
    ],
)
async def test_a_move_that_a_statement_can_show_is_made(tenant: Tenant, plan: str) -> None:
    at = office(tenant)
    assert await applied(at, tenants=(replace(tenant, plan=plan),)) == []
    assert (await at.statements.preview("acme")).statement.lines


@pytest.mark.parametrize(
    ("tenant", "plan", "said"),
    [
        (ACME, replace(BASIC, currency="USD"), "plan basic: currency: was EUR, but acme has it"),
        (ACME, replace(BASIC, prices={Cycle.YEAR: 1}), "price: was by the month, now by the year"),
        (METERED, replace(BASIC, included_minutes=9), "cannot change while a meter counts by them"),
        (
            replace(ACME, subscription="sub_1"),
            replace(BASIC, prices={Cycle.MONTH: 1}),
            "price: none by the year any more, but acme has it",
        ),
    ],
    ids=["currency", "cycle", "meter", "subscription"],
)
async def test_terms_that_the_open_periods_of_tenants_need_stay(
    tenant: Tenant, plan: Plan, said: str
) -> None:
    at = office(tenant)
    both = {Cycle.MONTH: 1000, Cycle.YEAR: 9000}
    at.registry.put_plan(replace(BASIC, prices=both) if tenant.subscription else BASIC)
    (problem,) = await applied(at, plan)
    assert said in problem
    nobody = office(replace(ACME, plan="pro"))
    assert await applied(nobody, plan) == []


async def test_a_wrong_currency_can_be_put_right_before_anything_was_charged() -> None:
    at = office(replace(ACME, added_at=utc("2026-11-10T00:00")))
    assert await applied(at, replace(BASIC, currency="USD")) == []
    statement = (await at.statements.preview("acme")).statement
    assert (statement.currency, statement.net) == ("USD", 1000)


async def test_a_subscription_sets_the_plan_and_the_file_says_so() -> None:
    linked = replace(ACME, subscription="sub_1")
    file = AccountsFile((), (replace(linked, plan="pro"),), {})
    (change,) = plan_changes(office(linked).registry, file, utc("2026-11-16T00:00"), Policy())
    assert change.after == linked
    assert change.notes == (
        (
            "still on plan basic: the price of subscription sub_1 sets it; change the price at the"
            " payment gateway"
        ),
    )


# --- the law --------------------------------------------------------------------------------------

_PRICES = st.dictionaries(st.sampled_from(Cycle), st.integers(1, 9_000), max_size=2)


def _plans() -> st.SearchStrategy[Plan]:
    return st.builds(
        replace,
        st.sampled_from(PLANS),
        currency=st.sampled_from(["EUR", "USD", "JPY"]),
        prices=_PRICES,
        included_minutes=st.sampled_from([None, 0, 5]),
        overage_per_minute_micros=st.sampled_from([0, 500_000]),
        setup_fee=st.sampled_from([0, 100]),
    )


def _tenants() -> st.SearchStrategy[Tenant]:
    return st.builds(
        replace,
        st.sampled_from([ACME, replace(ACME, slug="globex", name="Globex")]),
        plan=st.sampled_from([plan.slug for plan in PLANS]),
        demo=st.booleans(),
        anchor_day=st.sampled_from([1, 31]),
    )


FILES = st.tuples(
    st.integers(1, 20 * 24),
    st.lists(_plans(), max_size=2, unique_by=lambda plan: plan.slug),
    st.lists(_tenants(), max_size=2, unique_by=lambda tenant: tenant.slug),
)


@given(st.lists(FILES, min_size=1, max_size=8))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_a_file_is_allowed_to_change_a_statement_can_be_made(
    files: list[tuple[int, list[Plan], list[Tenant]]],
) -> None:
    at = office(now="2026-11-01T00:00")
    await at.closer.look()
    for hours, plans, tenants in files:
        at.clock.move_to(at.clock.now() + timedelta(hours=hours))
        await applied(at, *plans, tenants=tuple(tenants))
        await at.closer.look()
        for slug in at.registry.tenants:
            assert await made(at, slug)
    assert not at.facts_of(StatementFailed)


async def made(at: Office, slug: str) -> Any:
    return (await at.statements.preview(slug)).statement.tariff_versions

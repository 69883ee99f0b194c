"""What was in force counts: no change reaches back, and when a period is saved does not matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxbilling.accounts.apply import Change, TenantChange
from pbxbilling.accounts.terms.status import Blocker, Status
from pbxbilling.billing.facts import StatementFailed
from pbxbilling.billing.records import SavedStatement
from pbxbilling.catalog.plan import Cycle, Plan, Prices
from pbxbilling.kernel.gateway_names import STRIPE
from pbxbilling.subscriptions.subscription import BillingCycle
from tests.support.billing.statements import ACME, BASIC, PRO, Office, utc
from tests.support.kernel.actors import named
from tests.support.subscriptions.records import subscription

DEARER = replace(BASIC, prices={Cycle.MONTH: 9900}, overage_per_minute_micros=50_000)


async def changed(office: Office, *changes: Change) -> None:
    """Change accounts as a command would, at the office's present instant."""
    await office.writer.write("test", list(changes), named("test"))


async def repriced(office: Office, plan: Plan) -> None:
    await changed(office, Change(office.registry.plans[plan.slug], plan))


async def became(office: Office, **fields: Any) -> None:
    acme = office.registry.tenants["acme"]
    await changed(office, TenantChange(acme, replace(acme, **fields)))


async def november() -> Office:
    """An office in which November has ended and is not saved yet."""
    office = Office("2026-11-01T00:00")
    await office.closer.look()
    await office.called("2026-11-20T10:00", 4)
    office.clock.move_to(utc("2026-12-01T00:10"))
    return office


async def test_a_price_changed_after_a_months_end_does_not_touch_it() -> None:
    office = await november()
    await repriced(office, DEARER)
    await office.at("2026-12-01T00:20")
    (final,) = office.finals
    assert sorted(office.lines(final).values()) == [100, 1000]
    december = (await office.statements.preview("acme")).statement
    assert sorted(line.amount for line in december.lines) == [0, 9898]


async def test_a_price_changed_within_a_month_counts_from_there_on() -> None:
    office = Office("2026-11-01T00:00")
    await office.closer.look()
    await office.called("2026-11-10T10:00", 4)
    office.clock.move_to(utc("2026-11-16T00:00"))
    await repriced(office, DEARER)
    await office.called("2026-11-20T10:00", 2)
    lines = (await office.statements.preview("acme")).statement.lines
    assert [line.amount for line in lines] == [500, 4950, 10, 100]


@pytest.mark.parametrize(
    "later",
    [
        {"demo": True},
        {"tax_exempt": True},
        {"timezone": "America/New_York"},
        {"anchor_day": 15},
        {"status": Status.CANCELLED, "status_since": utc("2026-12-01T00:05")},
        {"status": Status.TRIAL, "trial_until": utc("2026-12-20T00:00")},
        {"plan": "pro"},
    ],
    ids=", ".join,
)
async def test_who_a_tenant_becomes_after_a_months_end_does_not_touch_it(
    later: dict[str, Any],
) -> None:
    untouched, touched = await november(), await november()
    await became(touched, **later)
    for office in (untouched, touched):
        await office.at("2026-12-01T00:20")
    assert what_counts(touched.finals[0]) == what_counts(untouched.finals[0])


def what_counts(final: SavedStatement) -> dict[str, Any]:
    """Return a statement without the moment at which it was made."""
    document = {key: value for key, value in final.document.items() if key != "made_at"}
    return {"begins": final.begins, "ends": final.ends, **document}


# --- the law --------------------------------------------------------------------------------------

Step = Callable[[Office], Any]


def becoming(**fields: Any) -> Step:
    return lambda office: became(office, **fields)


def pricing(price: int, overage: int, included: int) -> Step:
    def step(office: Office) -> Any:
        plan = office.registry.plans["basic"]
        terms: dict[str, Any] = {
            "prices": {Cycle.MONTH: price},
            "overage_per_minute_micros": overage,
            "included_minutes": included,
        }
        return repriced(office, replace(plan, **terms))

    return step


def living(status: Status) -> Step:
    return lambda office: became(office, status=status, status_since=office.clock.now())


def trying(days: int) -> Step:
    def step(office: Office) -> Any:
        now = office.clock.now()
        fields = {"trial_until": now + timedelta(days=days), "status_since": now}
        return became(office, status=Status.TRIAL, **fields)

    return step


def calling(minutes: int) -> Step:
    return lambda office: office.called(office.clock.now().isoformat()[:19], minutes)


async def buying(office: Office) -> None:
    """Buy a subscription, or one after another, whose months begin now."""
    now = office.clock.now()
    ends = now + timedelta(days=31)
    ident = f"sub_{now:%Y%m%d%H}"
    bought = subscription(
        ident, created_at=now, as_of=now, period_start=now, period_end=ends, prices=("year",)
    )
    await office.store.commit([bought, BillingCycle(f"in_{ident}", "acme", ident, now, ends)])
    await became(office, subscription=ident, status=Status.ACTIVE, status_since=now)


STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(pricing, st.integers(0, 9000), st.integers(0, 900_000), st.integers(0, 9)),
    st.builds(living, st.sampled_from([*set(Status) - {Status.SUSPENDED, Status.TRIAL}])),
    st.builds(trying, st.integers(1, 40)),
    st.just(buying),
    st.builds(calling, st.integers(1, 9)),
    st.sampled_from(["basic", "pro"]).map(lambda plan: becoming(plan=plan)),
    st.booleans().map(lambda demo: becoming(demo=demo)),
    st.booleans().map(lambda exempt: becoming(tax_exempt=exempt)),
    st.integers(1, 31).map(lambda day: becoming(anchor_day=day)),
    st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]).map(
        lambda zone: becoming(timezone=zone)
    ),
    st.booleans().map(
        lambda on: becoming(blocks=frozenset({Blocker.OPERATOR}) if on else frozenset())
    ),
)
LIVES = st.lists(st.tuples(st.integers(1, 24 * 20), STEPS), min_size=1, max_size=12)


@given(LIVES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_when_a_period_is_saved_makes_no_difference(
    life: list[tuple[int, Step]],
) -> None:
    """A daemon that was away for months writes what one that never was has written."""
    prompt, late = await lived(life, prompt=True), await lived(life, prompt=False)
    assert [what_counts(one) for one in late] == [what_counts(one) for one in prompt]


async def lived(life: list[tuple[int, Step]], *, prompt: bool) -> list[SavedStatement]:
    taxed = tuple(replace(plan, tax_rate_bp=1900, setup_fee=700) for plan in (BASIC, PRO))
    office = Office("2026-11-01T00:00", plans=taxed)
    await office.closer.look()
    now = office.clock.now()
    for hours, step in life:
        now += timedelta(hours=hours)
        await until(office, now, prompt=prompt)
        await step(office)
    await until(office, now + timedelta(days=70), prompt=True)
    return office.finals


async def until(office: Office, then: datetime, *, prompt: bool) -> None:
    """Move the clock on; a prompt daemon closes each period in the instant in which it ends."""
    ends = await first_end(office)
    while prompt and ends <= then:
        office.clock.move_to(max(ends, office.clock.now()))
        await office.closer.look()
        before, ends = ends, await first_end(office)
        assert ends > before, office.facts_of(StatementFailed)
    office.clock.move_to(then)


async def first_end(office: Office) -> datetime:
    return (await office.statements.open_periods("acme")).first.ends


# --- what is billed at all ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "february"),
    [
        ([("2027-01-10", Status.TRIAL), ("2027-01-20", Status.ACTIVE)], 1000),
        ([("2027-01-20", Status.READ_ONLY), ("2027-02-03", Status.CANCELLED)], 0),
        ([("2027-01-16", Status.CANCELLED), ("2027-03-02", Status.ACTIVE)], 0),
        ([("2027-02-03", Status.CANCELLED), ("2027-03-02", Status.ACTIVE)], 1000),
        ([("2027-01-16", Status.CANCELLED), ("2027-02-27", Status.ACTIVE)], 1000),
        ([("2027-01-05", Status.READ_ONLY), ("2027-01-07", Status.INCOMPLETE)], 0),
    ],
    ids=[
        "a trial, then paying",
        "blocked, then cancelled",
        "cancelled throughout, then back",
        "cancelled within, then back",
        "back within",
        "blocked, then unpaid",
    ],
)
async def test_a_month_costs_its_price_unless_all_of_it_was_blocked(
    life: list[tuple[str, Status]], february: int
) -> None:
    office = Office("2027-01-01T00:00")
    await office.closer.look()
    for day, status in life:
        office.clock.move_to(utc(f"{day}T00:00"))
        fields: dict[str, Any] = {"status": status, "status_since": office.clock.now()}
        if status is Status.TRIAL:
            fields["trial_until"] = office.clock.now() + timedelta(days=14)
        await became(office, **fields)
    await office.at("2027-03-02T01:00")
    (one,) = (final for final in office.finals if final.month == "2027-02")
    assert one.net == february


async def test_a_cancelled_tenant_that_had_a_trial_once_owes_its_last_month() -> None:
    office = Office("2027-01-01T00:00")
    await office.closer.look()
    for day, status in (("2027-01-10", Status.TRIAL), ("2027-01-20", Status.ACTIVE)):
        office.clock.move_to(utc(f"{day}T00:00"))
        ends = office.clock.now() + timedelta(days=14)
        trial = {"trial_until": ends} if status is Status.TRIAL else {}
        await became(office, status=status, status_since=office.clock.now(), **trial)
    await office.at("2027-02-03T00:00")
    await became(office, status=Status.CANCELLED, status_since=office.clock.now())
    await office.at("2027-03-01T00:00")
    assert [final.net for final in office.finals][-1] == 1000


async def test_a_tenants_first_period_is_the_one_in_which_it_was_added() -> None:
    added = replace(ACME, added_at=utc("2027-02-10T00:00"))
    office = Office("2027-03-02T00:00", added)
    await office.called("2027-02-12T10:00", 12)
    await office.closer.look()
    (february,) = office.finals
    assert (february.month, february.net) == ("2027-02", 1000 + 500)


async def test_the_setup_fee_is_not_lost_by_a_move_within_the_first_period() -> None:
    plans = (replace(BASIC, setup_fee=500), PRO, Plan("free", currency="EUR"))
    office = Office("2026-11-01T00:00", plans=plans)
    await office.closer.look()
    office.clock.move_to(utc("2026-11-16T00:00"))
    await became(office, plan="pro")
    await office.at("2026-12-01T00:00")
    assert office.lines(office.finals[0])["setup"] == 500


async def test_where_two_currencies_meet_the_period_ends() -> None:
    """An earlier release let a file move a tenant so, and no statement was ever made again."""
    office = Office("2026-11-01T00:00", plans=(BASIC, replace(PRO, currency="USD")))
    await office.closer.look()
    office.clock.move_to(utc("2026-11-16T00:00"))
    await became(office, plan="pro")
    await office.at("2026-12-01T00:00")
    assert [(one.month, one.currency, one.net) for one in office.finals] == [
        ("2026-11", "EUR", 500),
        ("2026-11.2", "USD", 2000),
    ]


# --- longer cycles --------------------------------------------------------------------------------


async def finals(office: Office, months: int) -> list[int]:
    """Close so many months from November on; return the net sums."""
    for number in range(1, months + 1):
        year, month = divmod(10 + number, 12)
        ends = f"{2026 + year}-{month + 1:02}-01T00:00"
        if utc(ends) > office.clock.now():
            await office.at(ends)
    return [final.net for final in office.finals]


@pytest.mark.parametrize("cycle", [Cycle.QUARTER, Cycle.HALF_YEAR, Cycle.YEAR])
async def test_the_price_of_a_long_cycle_is_due_where_it_begins(cycle: Cycle) -> None:
    plan = replace(BASIC, prices={cycle: 9000})
    office = Office("2026-11-10T00:00", plans=(plan, PRO))
    await office.closer.look()
    expected = [9000 if month % cycle.months == 0 else 0 for month in range(14)]
    assert await finals(office, 14) == expected


async def test_a_price_that_is_paid_ahead_changes_with_the_next_cycle() -> None:
    plan = replace(BASIC, prices={Cycle.QUARTER: 9000})
    office = Office("2026-11-10T00:00", plans=(plan, PRO))
    await office.closer.look()
    await repriced(office, replace(plan, prices={Cycle.QUARTER: 30_000}))
    assert await finals(office, 4) == [9000, 0, 0, 30_000]


async def test_a_move_within_a_quarter_is_credited_at_the_price_that_was_paid() -> None:
    small = replace(BASIC, prices={Cycle.QUARTER: 9200})
    large = replace(PRO, prices={Cycle.QUARTER: 18_400})
    office = Office("2026-11-01T00:00", plans=(small, large))
    await office.closer.look()
    await finals(office, 1)
    await repriced(office, replace(small, prices={Cycle.QUARTER: 92_000}))
    office.clock.move_to(utc("2026-12-17T00:00"))  # after 46 of 92 days
    await became(office, plan="pro")
    assert await finals(office, 4) == [9200, -4600 + 9200, 0, 18_400]


async def test_a_quarter_follows_where_its_plan_was_taken_up() -> None:
    quarterly = replace(PRO, prices={Cycle.QUARTER: 9000})
    office = Office("2026-11-01T00:00", plans=(BASIC, quarterly))
    await office.closer.look()
    await finals(office, 1)
    await became(office, plan="pro")
    assert await finals(office, 5) == [1000, 9000, 0, 0, 9000]


async def test_a_subscription_sells_its_plan_from_its_first_cycle_on() -> None:
    monthly = replace(BASIC, prices={Cycle.MONTH: 1000})
    yearly = replace(PRO, prices={Cycle.YEAR: 9000}, gateway_prices={STRIPE: Prices(yearly="y")})
    office = Office("2026-11-01T00:00", plans=(monthly, yearly))
    await office.closer.look()
    bought, known = utc("2026-11-16T00:00"), utc("2026-11-16T00:00") + timedelta(minutes=5)
    ends = utc("2027-11-16T00:00")
    lead = subscription(
        prices=("y",), created_at=bought, as_of=bought, period_start=bought, period_end=ends
    )
    office.clock.move_to(known)
    await office.store.commit([lead])
    acme = office.registry.tenants["acme"]
    led = replace(acme, plan="pro", subscription=lead.id)
    await changed(office, TenantChange(acme, led, plan_since=lead.sells_since(None, known)))
    lines = (await office.statements.preview("acme")).statement.lines
    assert [(line.text, line.amount) for line in lines] == [("Pro, a year", 9000)]


@pytest.mark.parametrize(
    ("led_by", "minutes", "since"),
    [(None, 5, 0), (None, 3000, 0), ("sub_1", 5, 0), ("sub_1", 3000, 3000)],
    ids=["new", "new, known late", "renewed", "changed within a cycle"],
)
def test_since_when_a_subscriptions_price_holds(
    led_by: str | None, minutes: int, since: int
) -> None:
    begins = utc("2026-11-16T00:00")
    lead = subscription(created_at=begins, period_start=begins)
    now = begins + timedelta(minutes=minutes)
    assert lead.sells_since(led_by, now) == begins + timedelta(minutes=since)

"""Current statements, their copies, and the final ones that are saved automatically."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pbxbilling.accounts.apply import TenantChange
from pbxbilling.accounts.facts import AccountsChanged, SubjectKind
from pbxbilling.accounts.terms.status import Status
from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.facts import StatementFailed, StatementSaved, StatementsWait
from pbxbilling.billing.records import OneOffEntry, SavedStatement
from pbxbilling.billing.statements.close import SOON
from pbxbilling.billing.statements.statement import StatementKind
from pbxbilling.calls.live.records import EndWitness
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.errors import AdministrationError, NotFoundError, StoreError
from pbxbilling.subscriptions.facts import CycleOpened
from pbxbilling.subscriptions.subscription import BillingCycle, Subscription
from tests.support.billing.statements import ACME, BASIC, PRO, Office, utc
from tests.support.kernel.actors import named

OVERAGE = "overage:500000"


async def opened(now: str = "2026-11-21T12:00", *tenants: object) -> Office:
    office = Office(now, *tenants)  # type: ignore[arg-type]
    await office.closer.look()
    return office


# --- the current period ---------------------------------------------------------------------------


async def test_the_preview_is_price_and_overage_of_now() -> None:
    office = await opened()
    await office.called("2026-11-20T10:00", 3.5)
    issued = await office.statements.preview("acme")
    statement = issued.statement
    assert (statement.kind, statement.period.month) == (StatementKind.PREVIEW, "2026-11")
    assert {line.key.partition(":")[0]: line.amount for line in statement.lines} == {
        "plan": 1000,
        "overage": 100,
    }
    assert not office.store.statement_store.saved


async def test_usage_before_the_first_look_of_its_period_is_billed_too() -> None:
    office = Office("2026-11-21T12:00")
    await office.called("2026-11-01T00:00", 3)
    await office.closer.look()
    assert (await office.statements.preview("acme")).statement.net == 1050


async def test_an_interim_copy_never_replaces_the_final_statement() -> None:
    office = await opened()
    first = await office.statements.save_now("acme", named("root"))
    await office.called("2026-11-21T12:30", 3)
    second = await office.statements.save_now("acme", named("root"))
    await office.at("2026-12-01T00:00")
    assert [first.number, second.number] == [1, 2]
    assert (first.net, second.net) == (1000, 1050)
    (final,) = office.finals
    assert (final.number, final.net, final.document["kind"]) == (0, 1050, "final")


async def test_a_month_from_before_anything_was_billed_can_be_looked_at() -> None:
    office = await opened()
    await office.called("2026-09-10T10:00", 3)
    september = (await office.statements.preview("acme", "2026-09")).statement
    assert (september.period.begins, september.net) == (utc("2026-09-01T00:00"), 1050)


async def test_a_closed_period_and_one_to_come_have_no_preview() -> None:
    office = await opened()
    await office.at("2026-12-01T00:00")
    with pytest.raises(AdministrationError, match="statement show acme --month 2026-11"):
        await office.statements.preview("acme", "2026-11")
    with pytest.raises(AdministrationError, match="no period 2027-01 yet"):
        await office.statements.preview("acme", "2027-01")
    with pytest.raises(NotFoundError, match="tenant 'nobody' is unknown"):
        await office.statements.preview("nobody")


# --- the end of a period --------------------------------------------------------------------------


async def test_the_final_statement_is_saved_once_when_the_period_ends() -> None:
    office = await opened()
    await office.called("2026-11-30T23:59", 3)
    await office.at("2026-11-30T23:59")
    assert not office.finals
    await office.at("2026-12-01T00:00")
    await office.at("2026-12-01T00:01")
    (final,) = office.finals
    assert (final.month, final.net, final.ends) == ("2026-11", 1050, utc("2026-12-01T00:00"))
    (told,) = office.facts_of(StatementSaved)
    assert (told.tenant, told.month, told.total, told.legs) == ("acme", "2026-11", 1050, 1)
    assert office.store.audited[-1].after == {
        "month": "2026-11",
        "number": 0,
        "total": "10.50",
        "currency": "EUR",
    }


async def test_after_a_downtime_every_period_is_closed_in_order() -> None:
    office = await opened("2026-09-15T12:00")
    for month in ("09", "10", "11", "12"):
        await office.called(f"2026-{month}-20T10:00", 3)
    later = Office("2026-12-24T12:00", store=office.store)
    await later.closer.look()
    assert [(one.month, one.net) for one in later.finals] == [
        ("2026-09", 1050),
        ("2026-10", 1050),
        ("2026-11", 1050),
    ]
    assert (await later.statements.preview("acme")).statement.period.month == "2026-12"


async def test_a_second_run_closes_nothing_again() -> None:
    office = await opened()
    await office.at("2026-12-01T00:00")
    again = Office("2026-12-01T00:00", store=office.store)
    await again.closer.look()
    assert await again.statements.close("acme") is None
    assert len(again.finals) == 1


async def test_a_failed_write_is_reported_once_and_retried() -> None:
    office = await opened()
    office.store.fault = StoreError("disk full")
    await office.at("2026-12-01T00:00")
    await office.at("2026-12-01T00:01")
    (failed,) = office.facts_of(StatementFailed)
    assert failed.error == "disk full"
    office.store.fault = None
    await office.at("2026-12-01T00:02")
    assert len(office.finals) == 1


async def test_a_fault_of_one_tenant_delays_no_other() -> None:
    broken = replace(ACME, slug="broken", plan="gone")
    office = await opened("2026-11-21T12:00", broken, ACME)
    await office.at("2026-12-01T00:00")
    await office.at("2026-12-01T00:01")
    assert [one.tenant for one in office.finals] == ["acme"]
    (failed,) = office.facts_of(StatementFailed)
    assert (failed.tenant, failed.month) == ("broken", "2026-11")
    assert "its plan 'gone' is unknown" in failed.error


async def test_an_unexpected_error_delays_no_other_tenant() -> None:
    broken = replace(ACME, slug="broken", timezone="No/Such")  # a KeyError on every run
    office = await opened("2026-11-21T12:00", broken, ACME)
    await office.at("2026-12-01T00:00")
    await office.at("2026-12-01T00:01")
    assert [one.tenant for one in office.finals] == ["acme"]
    (failed,) = office.facts_of(StatementFailed)
    assert (failed.tenant, failed.month) == ("broken", "")
    assert "ZoneInfoNotFoundError: 'No time zone found with key No/Such'" in failed.error


async def test_a_close_that_fails_in_an_unforeseen_way_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = await opened()

    async def fails(*_: object) -> None:
        raise OverflowError("date value out of range")

    with monkeypatch.context() as patched:
        patched.setattr(office.statements, "close", fails)
        await office.at("2026-12-01T00:00")
    (failed,) = office.facts_of(StatementFailed)
    assert (failed.tenant, failed.error) == ("acme", "OverflowError: date value out of range")
    await office.at("2026-12-01T00:01")
    assert len(office.finals) == 1


async def test_a_leg_that_crosses_the_end_belongs_to_the_period_of_its_end() -> None:
    office = await opened()
    await office.called("2026-12-01T00:00", 120)
    await office.at("2026-12-05T00:00")
    (november,) = office.finals
    assert november.net == 1000
    december = (await office.statements.preview("acme")).statement
    assert december.net == 1000 + 118 * 50


@pytest.mark.parametrize(
    ("timezone", "ends"),
    [
        ("Europe/Berlin", "2026-10-31T23:00"),
        ("America/New_York", "2026-11-01T04:00"),
        ("UTC", "2026-11-01T00:00"),
    ],
)
async def test_a_month_ends_at_midnight_where_the_tenant_is(timezone: str, ends: str) -> None:
    """Clocks are set back in October in Berlin, and on 1 November in New York."""
    office = await opened("2026-10-15T12:00", replace(ACME, timezone=timezone))
    last = utc(ends) - timedelta(microseconds=1)
    await office.called(last.isoformat()[:-6], 3)
    await office.called(ends, 3)
    await office.at(ends)
    (final,) = office.finals
    assert (final.month, final.ends, office.lines(final)[OVERAGE]) == ("2026-10", utc(ends), 50)


async def test_an_anchor_day_is_the_period_s_edge() -> None:
    office = await opened("2026-11-21T12:00", replace(ACME, anchor_day=15))
    await office.at("2026-12-14T23:59")
    assert not office.finals
    await office.at("2026-12-15T00:00")
    assert [one.month for one in office.finals] == ["2026-11"]


def changed(office: Office, tenant: Tenant) -> None:
    """Put the tenant in force and publish it, as a command does."""
    office.registry.put_tenant(tenant)
    office.tell(AccountsChanged(office.clock.now(), "me", "apply", SubjectKind.TENANT, tenant.slug))


async def test_the_next_look_is_when_a_period_ends_also_where_that_is_moved() -> None:
    office = await opened("2026-11-21T12:00", ACME, replace(ACME, slug="globex", anchor_day=24))
    for day in [*range(22, 28)] * 50:
        changed(office, replace(ACME, anchor_day=day))
        assert await office.closer.look() == utc(f"2026-11-{min(day, 24)}T00:00")
    await office.at("2026-11-24T00:00")
    assert [one.tenant for one in office.finals] == ["globex"]
    assert await office.closer.look() == utc("2026-11-27T00:00")


async def test_a_zone_that_is_changed_leaves_no_gap() -> None:
    office = await opened("2026-11-21T12:00", replace(ACME, timezone="America/New_York"))
    changed(office, replace(ACME, timezone="Asia/Tokyo"))
    await office.at("2027-01-15T00:00")
    finals = office.finals
    assert [one.begins for one in finals[1:]] == [one.ends for one in finals[:-1]]
    assert finals[0].begins == utc("2026-11-01T04:00")
    assert len({one.month for one in finals}) == len(finals)


# --- journals -------------------------------------------------------------------------------------


async def test_a_period_waits_until_every_journal_is_read_past_its_end() -> None:
    office = await opened()
    office.known = {"pbx1": utc("2026-12-01T00:00"), "pbx2": utc("2026-11-30T23:59")}
    office.clock.move_to(utc("2026-12-01T00:01"))
    assert await office.closer.look() == office.clock.now() + SOON
    assert not office.finals
    office.known["pbx2"] = utc("2026-12-01T00:00")
    await office.at("2026-12-01T00:02")
    (final,) = office.finals
    assert final.document["notices"] == []
    assert office.flushes == 1


async def test_a_journal_that_stays_away_holds_it_up_for_a_day_and_is_named() -> None:
    office = await opened()
    office.known = {"pbx1": None}
    await office.at("2026-12-01T23:59")
    assert not office.finals
    await office.at("2026-12-02T00:00")
    (final,) = office.finals
    assert "PBX pbx1" in final.document["notices"][0]
    assert office.facts_of(StatementSaved)[0].unread == ("pbx1",)


async def test_a_pbx_that_delays_statements_is_reported_once_after_a_while() -> None:
    office = await opened()
    office.known = {"pbx1": None, "pbx2": utc("2026-12-05T00:00")}
    await office.at("2026-12-01T00:09")
    assert not office.facts_of(StatementsWait)
    await office.at("2026-12-01T00:10")
    await office.at("2026-12-01T00:11")
    assert [fact.pbxes for fact in office.facts_of(StatementsWait)] == [("pbx1",)]


async def test_after_a_downtime_the_day_counts_from_the_start() -> None:
    office = await opened()
    later = Office("2026-12-10T12:00", store=office.store)
    later.known = {"pbx1": None}
    await later.closer.look()
    assert not later.finals
    await later.at("2026-12-11T12:00")
    assert len(later.finals) == 1


# --- late legs ------------------------------------------------------------------------------------


async def test_without_late_calls_no_earlier_statement_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = await opened()
    await office.called("2026-11-20T10:00")
    await office.at("2026-12-01T00:00")
    read: list[bool] = []
    statements = office.store.statement_store.statements

    async def watched(**asked: Any) -> list[SavedStatement]:
        read.append(asked.get("documents", True))
        return await statements(**asked)

    monkeypatch.setattr(office.store.statement_store, "statements", watched)
    await office.called("2026-12-20T10:00")
    await office.at("2027-01-01T00:00")
    assert [one.month for one in office.finals] == ["2026-11", "2026-12"]
    assert not any(read)


async def test_a_late_leg_is_a_line_of_the_next_statement_once() -> None:
    office = await opened()
    await office.called("2026-11-20T10:00", 1)
    await office.at("2026-12-01T00:00")
    await office.called("2026-11-25T10:00", 4)
    assert (await office.statements.preview("acme")).statement.net == 1150
    await office.at("2027-01-01T00:00")
    await office.at("2027-02-01T00:00")
    november, december, january = office.finals
    assert (november.net, december.net, january.net) == (1000, 1150, 1000)
    assert office.lines(december)["late:2026-11"] == 150


async def test_together_they_charge_what_one_statement_would_have() -> None:
    """November's allowance was not used up: the late leg gets the rest of it."""
    office = await opened()
    await office.at("2026-12-01T00:00")
    await office.called("2026-11-25T10:00", 2)
    await office.at("2027-01-01T00:00")
    assert [one.net for one in office.finals] == [1000, 1000]
    kept = await office.store.statement_store.billed("acme", month="2026-12")
    assert [(leg.of_month, leg.rated.included_s) for leg in kept] == [("2026-11", 120)]


async def test_an_estimated_end_that_becomes_known_is_adjusted_either_way() -> None:
    office = await opened()
    guessed = await office.called("2026-11-30T12:00", 10, witness=EndWitness.ESTIMATED)
    await office.at("2026-12-01T00:00")
    known = replace(
        guessed,
        ended_at=utc("2026-11-30T11:55"),
        talk_us=300_000_000,
        witness=EndWitness.JOURNAL,
    )
    await office.store.commit([known])
    await office.at("2027-01-01T00:00")
    november, december = office.finals
    assert (november.net, december.net) == (1400, 750)


async def test_a_leg_that_ended_in_another_period_after_all_is_charged_there_alone() -> None:
    office = await opened()
    guessed = await office.called("2026-11-30T12:00", 10, witness=EndWitness.ESTIMATED)
    await office.at("2026-12-01T00:00")
    known = replace(
        guessed,
        ended_at=utc("2026-12-01T00:05"),
        talk_us=725 * 60_000_000,
        month="2026-12",
        witness=EndWitness.JOURNAL,
    )
    await office.store.commit([known])
    await office.at("2027-02-01T00:00")
    november, december, january = office.finals
    assert november.net == 1400
    assert office.lines(december)["late:2026-11"] == -400
    assert office.lines(december)[OVERAGE] == 723 * 50
    assert january.net == 1000


async def test_records_that_are_forgotten_change_no_statement() -> None:
    office = await opened()
    await office.called("2026-11-20T10:00", 5)
    await office.at("2026-12-01T00:00")
    office.store.known_legs.clear()
    await office.at("2027-01-01T00:00")
    assert [one.net for one in office.finals] == [1150, 1000]


# --- lines of other kinds -------------------------------------------------------------------------


def entry(number: int, month: str = "2026-11", **changed: object) -> OneOffEntry:
    given = OneOffEntry(
        "acme", number, month, "discount", "sorry", 300, "EUR", "root", utc("2026-11-21T12:00")
    )
    return replace(given, **changed)  # type: ignore[arg-type]


async def test_a_one_off_line_is_on_one_final_statement() -> None:
    office = await opened()
    await office.store.commit([entry(1), entry(2, "2026-12", kind="fee")])
    assert (await office.statements.preview("acme")).statement.net == 700
    await office.at("2027-02-01T00:00")
    assert [one.net for one in office.finals] == [700, 1300, 1000]
    assert [one.used_in for one in office.store.statement_store.entries.values()] == [
        "2026-11",
        "2026-12",
    ]


async def test_what_is_in_another_currency_waits_for_a_statement_in_its_own() -> None:
    office = await opened()
    await office.store.commit([entry(1, currency="USD")])
    await office.at("2026-12-01T00:00")
    assert [one.net for one in office.finals] == [1000]
    assert office.store.statement_store.entries["acme", 1].used_in is None


async def test_the_setup_fee_is_charged_once() -> None:
    with_setup = replace(BASIC, setup_fee=500)
    office = Office("2026-11-21T12:00", plans=(with_setup, PRO))
    await office.closer.look()
    await office.at("2027-01-01T00:00")
    assert [one.net for one in office.finals] == [1500, 1000]
    assert office.store.tenants["acme"].setup_paid_at == utc("2026-11-01T00:00")


async def test_a_change_of_plan_is_charged_by_the_second() -> None:
    office = await opened("2026-11-10T12:00")
    office.clock.move_to(utc("2026-11-16T00:00"))
    change = TenantChange(ACME, replace(ACME, plan="pro"))
    await office.writer.write("apply", [change], named("root"))
    await office.at("2026-12-01T00:00")
    (final,) = office.finals
    assert sorted(office.lines(final).values()) == [500, 2000]
    assert [one["plan"] for one in final.document["tariffs"]] == ["basic", "pro"]


async def test_a_demo_tenant_is_billed_nothing() -> None:
    office = await opened("2026-11-21T12:00", replace(ACME, demo=True))
    await office.called("2026-11-22T10:00", 30)
    await office.at("2026-12-01T00:00")
    (final,) = office.finals
    assert (final.total, final.document["demo"]) == (0, True)


async def test_old_statements_never_follow_new_prices() -> None:
    office = await opened()
    await office.at("2026-12-01T00:00")
    before = office.finals[0]
    office.registry.put_plan(replace(BASIC, prices={}, overage_per_minute_micros=9_000_000))
    await office.called("2026-11-25T10:00", 4)
    await office.at("2027-01-01T00:00")
    assert office.finals[0] == before
    assert office.lines(office.finals[1])["late:2026-11"] == 100


# --- with a subscription --------------------------------------------------------------------------


def bought(start: str, end: str, **changed: object) -> Subscription:
    given = Subscription(
        "sub_1",
        "cus_1",
        Status.ACTIVE,
        ("price_1",),
        utc(start),
        utc(start),
        live=False,
        tenant="acme",
        period_start=utc(start),
        period_end=utc(end),
    )
    return replace(given, **changed)  # type: ignore[arg-type]


async def subscribed() -> Office:
    linked = replace(ACME, subscription="sub_1")
    office = Office("2026-11-21T15:00", linked)
    await office.store.commit([bought("2026-11-21T13:22", "2026-12-21T13:22")])
    await office.closer.look()
    return office


async def test_a_subscription_s_period_is_the_tenant_s() -> None:
    office = await subscribed()
    await office.called("2026-11-21T13:21", 9)
    await office.called("2026-12-21T13:21", 3)
    await office.called("2026-12-21T13:22", 3)
    await office.at("2026-12-21T13:22")
    (final,) = office.finals
    assert (final.begins, final.ends) == (utc("2026-11-21T13:22"), utc("2026-12-21T13:22"))
    assert final.net == 1050


async def test_a_cycle_that_a_paid_invoice_opened_closes_the_one_before_at_once() -> None:
    office = await subscribed()
    early = utc("2026-12-01T09:00")
    first = utc("2026-11-21T13:22")
    moved = bought("2026-12-01T09:00", "2027-01-01T09:00", created_at=first)
    cycle = BillingCycle("in_2", "acme", "sub_1", early, utc("2027-01-01T09:00"))
    await office.store.commit([moved, cycle])
    office.closer.sink(CycleOpened(early, "acme", "in_2", early, early))
    await office.at("2026-12-01T09:00")
    await office.at("2027-01-01T09:00")
    assert [(one.month, one.ends) for one in office.finals] == [
        ("2026-11", early),
        ("2026-12", utc("2027-01-01T09:00")),
    ]


async def test_inbound_calls_cost_nothing_unless_the_plan_says_so() -> None:
    office = await opened()
    await office.called("2026-11-22T10:00", 30, direction=LegDirection.INBOUND)
    assert (await office.statements.preview("acme")).statement.net == 1000

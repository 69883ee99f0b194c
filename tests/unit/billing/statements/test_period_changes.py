"""One-off lines and plan changes: the quoted cost equals that on the statement."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection
from pbxbilling.billing.statements.one_offs import OneOffs
from pbxbilling.billing.statements.plan_change import PlanChangeReport, PlanChanges
from pbxbilling.catalog.plan import Cycle
from pbxbilling.kernel.errors import AdministrationError
from tests.support.billing.statements import ACME, BASIC, PRO, Office, utc
from tests.support.kernel.actors import named


class Counter(Office):
    """The billing run of `Office`, with the commands for one-offs and plan changes."""

    def __init__(self, now: str = "2026-11-16T00:00", *tenants: object) -> None:
        super().__init__(now, *tenants)  # type: ignore[arg-type]
        self.one_offs = OneOffs(
            self.statements, self.store.statement_store, self.writer, self.clock
        )
        self.plans = PlanChanges(
            self.statements, self.store.statement_store, self.writer, self.clock
        )

    async def moves(self, at: str | None = None, *, dry_run: bool = False) -> PlanChangeReport:
        when: datetime | None = utc(at) if at else None
        return await self.plans.change("acme", "pro", when, named("root"), dry_run=dry_run)

    async def net(self) -> int:
        return (await self.statements.preview("acme")).statement.net


async def counter(now: str = "2026-11-16T00:00", *tenants: object) -> Counter:
    made = Counter(now, *tenants)
    await made.closer.look()
    return made


# --- one-off lines --------------------------------------------------------------------------------


async def test_a_fee_adds_a_discount_and_a_credit_take_away() -> None:
    at = await counter()
    for kind, amount in (("fee", "7.00"), ("discount", "2.50"), ("credit", "0.25")):
        await at.one_offs.add("acme", kind, amount, "so it is", named("root"))
    assert await at.net() == 1000 + 700 - 250 - 25
    assert [one.number for one in await at.one_offs.of("acme")] == [1, 2, 3]
    row = at.store.audited[-1]
    assert (row.actor, row.action, row.subject) == ("root", "oneoff add", "tenant acme")
    assert row.after is not None
    assert (row.after["amount"], row.after["reason"]) == ("0.25", "so it is")


async def test_a_line_may_be_for_a_month_to_come_but_not_for_a_closed_one() -> None:
    at = await counter()
    await at.one_offs.add("acme", "fee", "7.00", "so it is", named("root"), "2027-01")
    assert await at.net() == 1000
    await at.at("2026-12-01T00:00")
    with pytest.raises(
        AdministrationError, match="period 2026-11 of acme is closed: put it on 2026-12"
    ):
        await at.one_offs.add("acme", "fee", "7.00", "late", named("root"), "2026-11")


@pytest.mark.parametrize(
    ("kind", "amount", "reason", "said"),
    [
        ("present", "1.00", "x", "credit, discount, fee"),
        ("fee", "1.00", "  ", "give it with --reason"),
        ("fee", "1.00", "x" * 201, "200 characters at the most, got 201"),
        ("fee", "1.00", "a\x1b[31m", "U\\+001B"),
        ("fee", "1.00", "a\nb", "U\\+000A"),
        ("fee", "1.001", "x", "EUR has at most 2 decimal places"),
        ("fee", "-1.00", "x", "expected an amount of 0 or more"),
    ],
)
async def test_what_cannot_be_a_line_is_said(
    kind: str, amount: str, reason: str, said: str
) -> None:
    at = await counter()
    with pytest.raises((AdministrationError, ValueError), match=said):
        await at.one_offs.add("acme", kind, amount, reason, named("root"))
    assert not at.store.statement_store.entries


# --- another plan ---------------------------------------------------------------------------------


async def test_the_preview_of_a_change_is_what_it_then_costs() -> None:
    at = await counter()
    preview = await at.moves(dry_run=True)
    assert (await at.net(), at.registry.tenants["acme"].plan) == (1000, "basic")
    done = await at.moves()
    assert done == replace(preview, committed=True)
    assert (done.credit, done.charge, done.difference) == (500, 2000, 1500)
    assert (done.included_minutes_before, done.included_minutes_after) == (2, 6)
    assert await at.net() == 1000 + done.difference
    assert at.store.tenants["acme"].plan == "pro"


async def test_a_change_may_be_dated_back_within_the_open_period() -> None:
    at = await counter("2026-11-21T00:00")
    assert (await at.moves("2026-11-16T00:00")).difference == 1500
    assert await at.net() == 2500
    with pytest.raises(AdministrationError, match="no open period of acme"):
        await at.plans.change("acme", "basic", utc("2026-10-31T00:00"), named("root"), dry_run=True)


async def test_a_change_to_come_can_only_be_looked_at() -> None:
    at = await counter("2026-11-01T00:00")
    assert (await at.moves("2026-11-16T00:00", dry_run=True)).difference == 1500
    with pytest.raises(AdministrationError, match="is in the future"):
        await at.moves("2026-11-16T00:00")
    assert at.registry.tenants["acme"].plan == "basic"


async def test_what_was_is_past() -> None:
    at = await counter()
    await at.moves()
    with pytest.raises(AdministrationError, match="choose a later moment"):
        await at.plans.change("acme", "basic", utc("2026-11-10T00:00"), named("root"), dry_run=True)


async def test_on_trial_a_change_costs_from_its_end_on() -> None:
    trying = replace(ACME, trial_until=utc("2026-11-21T00:00"), subscription=None)
    at = await counter("2026-11-11T00:00", trying)
    before = await at.net()
    done = await at.moves()
    assert done.difference == 1333 - 333
    assert await at.net() == before + done.difference


async def test_a_metered_tenant_changes_for_a_whole_period_only() -> None:
    at = await counter(
        "2026-11-16T00:00",
        replace(ACME, usage_collection=UsageCollection(CollectionMethod.METER_EVENTS)),
    )
    with pytest.raises(AdministrationError, match="cannot mix the minutes of two plans"):
        await at.moves()
    assert at.registry.tenants["acme"].plan == "basic"
    assert (await at.moves("2026-11-01T00:00")).difference == 4000 - 1000


@pytest.mark.parametrize(
    ("tenant", "plan", "said"),
    [
        (ACME, "basic", "has plan basic already"),
        (ACME, "none", "plan 'none' is unknown"),
        (replace(ACME, subscription="sub_1"), "pro", "sets the plan of acme by its price"),
    ],
)
async def test_a_plan_that_cannot_be_chosen_is_said(tenant: object, plan: str, said: str) -> None:
    at = await counter("2026-11-16T00:00", tenant)
    with pytest.raises(AdministrationError, match=said):
        await at.plans.change("acme", plan, None, named("root"), dry_run=True)


async def test_a_deactivated_plan_cannot_be_chosen() -> None:
    at = await counter()
    at.registry.put_plan(replace(PRO, active=False))
    with pytest.raises(AdministrationError, match="deactivated"):
        await at.moves()


async def test_another_currency_waits_for_a_period_s_beginning() -> None:
    at = await counter()
    at.registry.put_plan(replace(PRO, currency="USD", prices={Cycle.MONTH: 1}))
    with pytest.raises(
        AdministrationError, match=r"EUR and pro in USD.*or when the next one begins, 2026-12-01"
    ):
        await at.moves()
    assert BASIC.currency == "EUR"

"""A statement adds up, line by line, and breaks down into its calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.proration import price_parts, prorate
from pbxbilling.billing.rating.rating import UsedLeg, rate
from pbxbilling.billing.rating.tariff import Tariff, TariffVersions, switched
from pbxbilling.billing.statements.build import statement_of
from pbxbilling.billing.statements.statement import (
    Adjustment,
    LineKind,
    OneOff,
    Payer,
    Statement,
    StatementKind,
)
from pbxbilling.catalog.plan import Cycle, Plan
from pbxbilling.catalog.rates import ChargeKind, Rate
from pbxbilling.kernel.errors import ContradictionError
from tests.support.billing.tariffs import NOVEMBER, all_month, moment, tariff, throughout, used

ACME = Tenant("acme", "voice-500", name="Acme Inc.", address="1 Main Street", vat_id="DE1")


def made(tariff_versions: TariffVersions, legs: Sequence[UsedLeg] = (), **more: Any) -> Statement:
    """Return the final statement of November, with the plan's price."""
    more = {"prices": price_parts(tariff_versions)} | more
    rating = rate(legs, tariff_versions)
    return statement_of(
        ACME, NOVEMBER, StatementKind.FINAL, NOVEMBER.ends, tariff_versions, rating, **more
    )


def amounts(statement: Statement) -> list[tuple[str, int, int]]:
    """Return kind, net and tax of each line."""
    return [(line.kind.value, line.amount, line.tax) for line in statement.lines]


def test_every_kind_of_line_has_its_own_tax() -> None:
    terms = all_month(included_minutes=1, price_per_call_micros=5_000, tax_rate_bp=1_900)
    words = Rate(ChargeKind.UNITS, "Words", 20_000, "word", 1000, of="words").charge(1500, "EUR")
    statement = made(
        terms,
        [used(61)],
        with_setup=True,
        units=[words],
        one_offs=[
            OneOff("1", LineKind.FEE, "Extra visit", 26),
            OneOff("2", LineKind.DISCOUNT, "Sorry for Monday", 1_000),
            OneOff("3", LineKind.CREDIT, "Paid twice", 26),
        ],
        adjustments=[Adjustment("2026-10", "EUR", -50, ())],
    )
    assert amounts(statement) == [
        ("plan", 204_00, 38_76),
        ("setup", 249_00, 47_31),
        ("overage", 50, 10),  # 9.5
        ("calls", 1, 0),
        ("units", 3, 1),
        ("fee", 26, 5),  # 4.94
        ("discount", -10_00, -1_90),
        ("credit", -26, -5),
        ("adjustment", -50, -10),
    ]
    assert statement.net == 443_04
    assert statement.tax == 84_18
    assert statement.total == 527_22
    assert statement.payer == Payer("acme", "Acme Inc.", "1 Main Street", "", "DE1")


def test_tax_is_rounded_on_each_line_not_on_the_sum() -> None:
    fees = [OneOff(name, LineKind.FEE, "Fee", 26) for name in "abc"]
    statement = made(all_month(price=0, tax_rate_bp=1_900), one_offs=fees)
    assert statement.tax == 15  # tax on the sum, 78, would be 14.82


def test_a_line_is_opened_down_to_its_calls() -> None:
    terms = all_month(included_minutes=2, price_per_call_micros=10_000)
    legs = [used(61, 2, "a"), used(60, 3, "b"), used(0, 4, "c")]
    statement = made(terms, legs)
    calls = {
        line.kind: [r.leg.key.uniqueid for r in statement.legs if line.key in (r.line, r.fee_line)]
        for line in statement.lines
    }
    assert calls == {LineKind.PLAN: [], LineKind.OVERAGE: ["b"], LineKind.CALLS: ["a", "b"]}
    assert (statement.used_s, statement.allowance_s) == (120, 120)


def test_a_demo_is_billed_nothing_whatever_it_used() -> None:
    terms = all_month(included_minutes=0, tax_rate_bp=1_900, demo=True)
    fee = OneOff("1", LineKind.FEE, "Extra visit", 5_000)
    statement = made(terms, [used(61)], with_setup=True, one_offs=[fee])
    assert statement.demo
    assert {(line.amount, line.tax) for line in statement.lines} == {(0, 0)}
    assert statement.total == 0
    assert [line.quantity for line in statement.lines if line.kind is LineKind.OVERAGE] == [120]


def test_a_credit_beyond_the_charges_leaves_a_total_below_zero() -> None:
    credit = OneOff("1", LineKind.CREDIT, "Goodwill", 300_00)
    assert made(all_month(), one_offs=[credit]).total == -96_00


def test_a_plan_changed_in_a_month_is_two_lines() -> None:
    terms = switched(all_month(), tariff(plan="b", name="B", price=366_00), moment(16))
    statement = made(terms)
    assert amounts(statement) == [("plan", 102_00, 0), ("plan", 183_00, 0)]
    assert [line.text for line in statement.lines] == [
        "Voice 500, a month, a part",
        "B, a month, a part",
    ]
    assert [line.begins for line in statement.lines] == [moment(1), moment(16)]


def test_a_year_is_charged_where_it_begins_and_a_change_later_by_the_rest() -> None:
    terms = all_month(cycle=Cycle.YEAR, price=2203_20)
    assert amounts(made(terms, prices=())) == []
    year = throughout(terms[0].tariff, NOVEMBER)  # any cycle will do: half of it is left
    change = prorate(year, tariff(plan="b", name="B", cycle=Cycle.YEAR, price=3952_80), moment(16))
    statement = made(change.tariff_versions, prices=(), changes=[change])
    assert amounts(statement) == [("plan", -1101_60, 0), ("plan", 1976_40, 0)]
    assert statement.net == change.difference


@pytest.mark.parametrize(
    ("kind", "reason", "amount"),
    [
        (LineKind.OVERAGE, "Minutes", 1),
        (LineKind.ADJUSTMENT, "A late call", 1),
        (LineKind.FEE, " ", 1),
        (LineKind.FEE, "Extra visit", -1),
        (LineKind.CREDIT, "Paid twice", -1),
    ],
)
def test_a_one_off_line_says_what_it_is_for_and_its_kind_says_the_way(
    kind: LineKind, reason: str, amount: int
) -> None:
    with pytest.raises(ValueError, match=r"one-off|a reason is missing|0 or more"):
        OneOff("1", kind, reason, amount)


def test_nothing_is_charged_twice() -> None:
    fee = OneOff("1", LineKind.FEE, "Extra visit", 26)
    with pytest.raises(ValueError, match="fee:1 occur twice"):
        made(all_month(), one_offs=[fee, fee])


def test_a_tariff_is_the_plan_as_that_tenant_is_charged_for_it() -> None:
    plan = Plan("pro", prices={Cycle.MONTH: 100, Cycle.YEAR: 1_000}, tax_rate_bp=1_900)
    assert Tariff.of(plan, ACME).tax_rate_bp == 1_900
    exempt = Tenant("globex", "pro", tax_exempt=True, demo=True, timezone="Europe/Berlin")
    yearly = Tariff.of(plan, exempt, Cycle.YEAR)
    assert (yearly.price, yearly.tax_rate_bp, yearly.demo) == (1_000, 0, True)
    assert (yearly.name, yearly.timezone) == ("pro", "Europe/Berlin")
    assert Tariff.of(Plan("free"), ACME).price == 0
    with pytest.raises(ContradictionError, match="plan pro has no price per quarter"):
        Tariff.of(plan, ACME, Cycle.QUARTER)

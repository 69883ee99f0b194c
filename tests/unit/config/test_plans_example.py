"""The five example plans: applied as they are, and each cycle's price is what its comment says."""

from __future__ import annotations

import asyncio
import re
import tomllib
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from pbxbilling.catalog.plan import Cycle
from pbxbilling.cli.connection import get, put
from pbxbilling.config.accounts_file import load_accounts
from pbxbilling.config.load import load
from pbxbilling.doctor.check import Result
from pbxbilling.doctor.default_plan import check_default_plan

EXAMPLE = Path(__file__).parents[3] / "config" / "plans.example.toml"
MONTHLY = {"free": 0, "starter": 29, "growth": 79, "pro": 199, "enterprise": 499}
KEYS = {
    "price_quarter": Cycle.QUARTER,
    "price_half_year": Cycle.HALF_YEAR,
    "price_year": Cycle.YEAR,
}
IN_WORDS = {"a": 1, "three": 3, "six": 6, "twelve": 12}
WRITTEN = re.compile(r'^(price_\w+) = "([0-9.]+)"(?: +# ([0-9]+) % less)?$', re.MULTILINE)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "pbxbilling.toml"
    file.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/a.db"\n[http]\nadmin = "{tmp_path}/admin.sock"\n'
    )
    return file


def test_there_are_five_on_four_cycles_in_one_currency() -> None:
    plans = load_accounts(EXAMPLE).plans
    assert {plan.slug: plan.prices[Cycle.MONTH] for plan in plans} == {
        slug: price * 100 for slug, price in MONTHLY.items()
    }
    assert {frozenset(plan.prices) for plan in plans} == {frozenset(Cycle)}
    assert len({plan.currency for plan in plans}) == 1


def test_each_cycle_costs_its_months_less_the_discount_that_the_comment_says() -> None:
    text = EXAMPLE.read_text()
    tables = re.split(r"^\[plan\.(\w+)\]$", text, flags=re.MULTILINE)[1:]
    checked = 0
    for slug, table in zip(tables[::2], tables[1::2], strict=True):
        for key, price, percent in WRITTEN.findall(table):
            whole = Decimal(MONTHLY[slug]) * KEYS[key].months
            assert Decimal(price) == whole * (100 - Decimal(percent or 0)) / 100, (slug, key)
            assert percent or not whole, (slug, key)
            checked += 1
    assert checked == len(MONTHLY) * len(KEYS)


def test_the_heading_says_the_same_discounts() -> None:
    heading = EXAMPLE.read_text().split("[plan.free]")[0].replace("\n# ", " ")
    said = {
        IN_WORDS[word]: percent
        for word, percent in re.findall(r"(three|six|twelve) of them ([0-9]+) % less", heading)
    }
    written = {
        KEYS[key].months: percent
        for key, _, percent in WRITTEN.findall(EXAMPLE.read_text())
        if percent
    }
    assert said == written


def test_a_dearer_plan_gives_more_of_everything() -> None:
    plans = sorted(load_accounts(EXAMPLE).plans, key=lambda plan: plan.sort_order)
    assert [plan.slug for plan in plans] == list(MONTHLY)
    for less, more in pairwise(plans):
        assert less.features <= more.features
        assert (less.included_minutes or 0) < (more.included_minutes or 0)
        for name in ("max_calls", "max_outbound_calls", "max_trunk_legs"):
            assert getattr(less.limits, name) < getattr(more.limits, name)


def test_it_is_applied_as_it_is_and_again_without_a_change(config: Path) -> None:
    given = {"text": EXAMPLE.read_text(), "source": EXAMPLE.name}
    put(config, "/accounts", text="[plan.p]\n", source="a.toml")  # a dry run makes no database
    tried = put(config, "/accounts", **given, dry_run=True)
    assert {plan["plan"] for plan in get(config, "/plans")} == {"p"}
    assert tried == put(config, "/accounts", **given)
    assert {change["kind"] for change in tried} == {"added"}
    assert {plan["plan"] for plan in get(config, "/plans")} == {"p", *MONTHLY}
    again = put(config, "/accounts", **given)
    assert {change["kind"] for change in again} == {"unchanged"}
    assert asyncio.run(check_default_plan(load(config, {}))).result is Result.OK


def test_every_key_that_it_comments_out_is_one_of_a_plan() -> None:
    commented = r"^# (?=\[\[plan|prefix|name|per_minute)"
    text = re.sub(commented, "", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert tomllib.loads(text)["plan"]["starter"]["destinations"][0]["prefix"] == "44"

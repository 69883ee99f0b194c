"""The code computes the month that docs/reference/billing.md works through by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from pbxbilling.billing.rating.proration import price_parts, prorate
from pbxbilling.billing.rating.rating import UsedLeg, rate
from pbxbilling.billing.rating.tariff import Tariff, included_s
from pbxbilling.billing.statements.build import statement_of
from pbxbilling.billing.statements.statement import LineKind, OneOff, Statement, StatementKind
from pbxbilling.calls.live.channel import ChannelKey
from pbxbilling.catalog.plan import BillingIncrement
from pbxbilling.config.accounts_file import read_accounts
from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.money import from_minor
from pbxbilling.kernel.period import period_of
from tests.support.billing.tariffs import all_month, moment, tariff, throughout

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "billing.md").read_text()


def rows(section: str, columns: str) -> Iterator[list[str]]:
    """Yield the rows of the table with these columns, cell by cell."""
    _, rest = PAGE.split(f"\n## {section}\n")
    _, rest = rest.split("\n## ")[0].split(f"\n{columns}\n")
    for line in rest.splitlines()[1:]:
        if not line.startswith("|"):
            return
        yield [cell.strip(" *") for cell in line.strip("|").split("|")]


def legs() -> list[list[str]]:
    columns = "| leg | ended | direction | number | talked s | billed s | included s | charged s |"
    return list(rows("One month by hand", columns))


def used(row: list[str]) -> UsedLeg:
    id_, ended, direction, number, talked, *_ = row
    return UsedLeg(
        key=ChannelKey.parse(id_),
        direction=LegDirection(direction),
        number=number,
        ended_at=datetime.fromisoformat(ended).replace(tzinfo=ZoneInfo("Europe/Berlin")),
        talk_us=int(Decimal(talked) * 1_000_000),
    )


def statement() -> Statement:
    """Return the page's month, from the page's accounts file and legs."""
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    accounts = read_accounts(toml, "billing.md")
    (plan,), (tenant,) = accounts.plans, accounts.tenants
    period = period_of("2026-11", tenant.timezone)
    terms = throughout(Tariff.of(plan, tenant), period)
    return statement_of(
        tenant,
        period,
        StatementKind.FINAL,
        period.ends,
        terms,
        rate(map(used, legs()), terms),
        prices=price_parts(terms),
        with_setup=tenant.setup_paid_at is None,
        one_offs=[OneOff("1", LineKind.DISCOUNT, "Line down on 5 November", 100)],
    )


def test_every_leg_is_charged_as_on_the_page() -> None:
    charged = [(r.leg.id, r.billed_s, r.included_s, r.charged_s) for r in statement().legs]
    assert charged == [(row[0], *map(int, row[5:])) for row in legs()]
    assert len(charged) == 8


def test_every_line_and_the_total_are_those_of_the_page() -> None:
    made = statement()
    lines = [
        [line.text, str(line.quantity), from_minor(line.amount, "EUR"), from_minor(line.tax, "EUR")]
        for line in made.lines
    ]
    total = ["total", "", from_minor(made.net, "EUR"), from_minor(made.tax, "EUR")]
    assert [*lines, total] == list(rows("One month by hand", "| line | quantity | net | tax |"))
    assert f"To be paid: **{from_minor(made.total, 'EUR')} EUR**" in PAGE


def test_increments_charge_as_on_the_page() -> None:
    head = "| talked | 60/60 | 6/6 | 30/6 | 60/1 |"
    increments = [BillingIncrement.parse(cell.strip()) for cell in head.strip("|").split("|")[1:]]
    table = list(rows("Seconds", head))
    for talked, *billed in table:
        talk_us = int(Decimal(talked.removesuffix(" s")) * 1_000_000)
        assert [f"{each.billable_s(talk_us)} s" for each in increments] == billed
    assert len(table) == 4


def test_a_change_of_plan_costs_what_the_page_says() -> None:
    office = all_month(price=20_00, included_minutes=10)
    change = prorate(office, tariff(price=30_00, included_minutes=40), moment(16))
    assert [part.amount for part in price_parts(change.tariff_versions)] == [10_00, 15_00]
    assert (change.credit, change.charge, change.difference) == (10_00, 15_00, 5_00)
    assert included_s(change.tariff_versions) == 25 * 60

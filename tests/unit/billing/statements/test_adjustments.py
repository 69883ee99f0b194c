"""Calls that become known after a statement was closed are charged once, on the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given

from pbxbilling.accounts.terms.tenant import Tenant
from pbxbilling.billing.rating.rating import UsedLeg, rate
from pbxbilling.billing.rating.tariff import TariffVersion
from pbxbilling.billing.statements.adjustments import adjustment
from pbxbilling.billing.statements.build import statement_of
from pbxbilling.billing.statements.document import as_json, statement_from
from pbxbilling.billing.statements.statement import Adjustment, Statement, StatementKind
from pbxbilling.kernel.errors import ContradictionError
from tests.support.billing.months import legs, terms
from tests.support.billing.tariffs import NOVEMBER, all_month, used

Terms = tuple[TariffVersion, ...]


def closed(
    tariff_versions: Terms, used_legs: Iterable[UsedLeg] = (), *adjustments: Adjustment
) -> Statement:
    """Return a final statement without the plan's price."""
    return statement_of(
        Tenant("acme", "voice-500"),
        NOVEMBER,
        StatementKind.FINAL,
        NOVEMBER.ends,
        tariff_versions,
        rate(used_legs, tariff_versions),
        adjustments=adjustments,
    )


def after(first: Statement, *adjustments: Adjustment | None) -> Statement:
    """Return the next statement, with nothing but these adjustments."""
    return closed(first.tariff_versions, (), *(each for each in adjustments if each is not None))


def charged_last(first: Statement, *later: Statement) -> Statement:
    """Return the first statement with its legs as the later ones charged them."""
    legs = {one.leg.key: one for statement in (first, *later) for one in statement.late}
    own = {one.leg.key: one for one in first.legs}
    return replace(first, legs=tuple((own | legs).values()))


def test_a_late_call_pushes_others_out_of_the_allowance() -> None:
    first = closed(all_month(included_minutes=2), [used(60, 5, "a"), used(60, 6, "b")])
    late = adjustment(first, [used(60, 5, "a"), used(60, 6, "b"), used(60, 2, "late")])
    assert late is not None
    assert late.amount == 50
    statement = after(first, late)
    (line,) = statement.lines
    assert (line.key, line.amount, line.quantity) == ("late:2026-11", 50, 1)
    assert [rated.leg.key.uniqueid for rated in statement.late] == ["late"]
    assert statement.late[0].line == line.key
    assert statement_from(as_json(statement)) == statement


def test_an_estimated_end_that_was_too_long_is_given_back() -> None:
    terms = all_month(included_minutes=0)
    first = closed(terms, [used(300, leg="a", estimated=True)])
    late = adjustment(first, [used(61, leg="a")])
    assert late is not None
    assert late.amount == -150


def test_a_demo_is_adjusted_by_nothing() -> None:
    late = adjustment(closed(all_month(included_minutes=0, demo=True)), [used(60)])
    assert late is not None
    assert late.amount == 0


def test_an_adjustment_in_another_currency_is_refused() -> None:
    late = Adjustment("2026-10", "USD", 50, ())
    with pytest.raises(ContradictionError, match="in EUR cannot have lines in USD"):
        closed(all_month(), (), late)


@given(legs(), legs(), legs(), terms())
def test_what_was_charged_in_the_end_is_what_all_the_calls_cost_and_once(
    at_first: list[UsedLeg], then: list[UsedLeg], at_last: list[UsedLeg], tariff_versions: Terms
) -> None:
    first = closed(tariff_versions, at_first)
    second = after(first, adjustment(first, then))
    third = after(first, adjustment(charged_last(first, second), at_last))
    assert adjustment(charged_last(first, second, third), at_last) is None
    known = {leg.key: leg for leg in (*at_first, *then, *at_last)}
    at_once = closed(tariff_versions, known.values())
    assert first.net + second.net + third.net == at_once.net

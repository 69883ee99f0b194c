"""Laws of every month, for any calls and any tariff."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.billing.rating.rating import Rating, UsedLeg, rate
from pbxbilling.billing.rating.tariff import Tariff, TariffVersion, switched
from pbxbilling.catalog.rates import ChargeKind
from tests.support.billing.months import TALKS_US, legs, tariffs, terms
from tests.support.billing.tariffs import NOVEMBER, moment, throughout

Terms = tuple[TariffVersion, ...]
TERMS = terms()
DAYS = st.integers(2, 30)


def quantities(rating: Rating) -> Counter[str]:
    return Counter({charge.key: charge.quantity for charge in rating.charges})


def no_line_is_lower(less: Rating, more: Rating) -> bool:
    amounts = {charge.key: charge.amount for charge in more.charges}
    return all(charge.amount <= amounts[charge.key] for charge in less.charges)


@given(legs(), TERMS)
def test_nothing_is_negative_and_every_charged_second_is_on_one_line(
    used: list[UsedLeg], tariff_versions: Terms
) -> None:
    rating = rate(used, tariff_versions)
    for leg in rating.legs:
        assert min(leg.billed_s, leg.included_s, leg.charged_s) >= 0
        assert leg.included_s + leg.charged_s in (0, leg.billed_s)
        assert bool(leg.line) == (leg.charged_s > 0)
    for charge in rating.charges:
        on_line = [leg for leg in rating.legs if charge.key in (leg.line, leg.fee_line)]
        calls = charge.kind is ChargeKind.CALLS
        assert charge.quantity == (len(on_line) if calls else sum(x.charged_s for x in on_line))
        assert charge.amount >= 0


@given(st.data(), TERMS)
def test_the_order_in_which_legs_are_given_makes_no_difference(
    data: st.DataObject, tariff_versions: Terms
) -> None:
    used = data.draw(legs())
    assert rate(data.draw(st.permutations(used)), tariff_versions) == rate(used, tariff_versions)


@given(legs(least=1), TERMS, TALKS_US)
def test_longer_talk_never_costs_less(
    used: list[UsedLeg], tariff_versions: Terms, longer_us: int
) -> None:
    first, *rest = used
    longer = replace(first, talk_us=first.talk_us + longer_us)
    assert no_line_is_lower(rate(used, tariff_versions), rate([longer, *rest], tariff_versions))


@given(legs(least=1), TERMS)
def test_one_more_call_never_costs_less(used: list[UsedLeg], tariff_versions: Terms) -> None:
    assert no_line_is_lower(rate(used[1:], tariff_versions), rate(used, tariff_versions))


@given(legs(), tariffs(), st.integers(0, 12))
def test_without_an_allowance_months_of_other_legs_add_up(
    used: list[UsedLeg], tariff: Tariff, cut: int
) -> None:
    tariff_versions = throughout(replace(tariff, included_minutes=0), NOVEMBER)
    one, other = rate(used[:cut], tariff_versions), rate(used[cut:], tariff_versions)
    assert quantities(one) + quantities(other) == quantities(rate(used, tariff_versions))


@given(legs(), tariffs())
def test_the_allowance_is_used_up_before_anything_beyond_it_is_charged(
    used: list[UsedLeg], tariff: Tariff
) -> None:
    tariff_versions = throughout(replace(tariff, destinations=()), NOVEMBER)
    rating = rate(used, tariff_versions)
    beyond = False
    for leg in rating.legs:
        assert not (beyond and leg.included_s)
        beyond = beyond or leg.charged_s > 0
    assert rating.allowance_s is None or rating.used_s <= rating.allowance_s
    assert not beyond or rating.used_s == rating.allowance_s


@given(legs(), tariffs(), st.sets(DAYS, max_size=3))
def test_a_change_to_the_same_tariff_changes_nothing(
    used: list[UsedLeg], tariff: Tariff, days: set[int]
) -> None:
    tariff_versions = throughout(tariff, NOVEMBER)
    cut = tariff_versions
    for day in sorted(days):
        cut = switched(cut, tariff, moment(day))
    assert rate(used, cut) == rate(used, tariff_versions)

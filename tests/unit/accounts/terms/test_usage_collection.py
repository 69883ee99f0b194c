"""A period has one way of charging usage; a switch takes effect where the next one begins."""

from __future__ import annotations

from datetime import UTC, datetime

from pbxbilling.accounts.terms.usage_collection import CollectionMethod, UsageCollection

NONE, METER, ITEMS = CollectionMethod
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NEXT = datetime(2026, 12, 1, tzinfo=UTC)
AFTER_NEXT = datetime(2027, 1, 1, tzinfo=UTC)


def test_what_holds_goes_on_to_the_end_of_its_period() -> None:
    switched = UsageCollection(METER).switched(ITEMS, NOW, NEXT)
    assert [switched.at(NOW), switched.at(NEXT)] == [METER, ITEMS]


def test_a_switch_taken_back_in_time_leaves_nothing() -> None:
    assert UsageCollection(METER).switched(ITEMS, NOW, NEXT).switched(
        METER, NOW, NEXT
    ) == UsageCollection(METER)


def test_a_second_switch_in_a_period_replaces_the_first() -> None:
    twice = UsageCollection(NONE).switched(METER, NOW, NEXT).switched(ITEMS, NOW, NEXT)
    assert twice == UsageCollection(ITEMS, NONE, NEXT)


def test_the_same_way_named_again_moves_nothing() -> None:
    switched = UsageCollection(NONE).switched(METER, NOW, NEXT)
    assert switched.switched(METER, NEXT, AFTER_NEXT) == switched


def test_usage_of_the_period_before_stays_with_its_way() -> None:
    later = UsageCollection(NONE).switched(METER, NOW, NEXT).switched(ITEMS, NEXT, AFTER_NEXT)
    assert later.at(NEXT) is METER
    assert later.at(AFTER_NEXT) is ITEMS

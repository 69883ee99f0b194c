"""The ends of open periods come in order, however often they move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.billing.statements.ends import Ends

MONTH = datetime(2026, 11, 1, tzinfo=UTC)
SLUGS = st.sampled_from("abcdef")
INSTANTS = st.integers(0, 4).map(lambda days: MONTH + timedelta(days=days))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), SLUGS, INSTANTS),
        st.tuples(st.just("drop"), SLUGS, INSTANTS),
        st.tuples(st.just("take"), st.integers(0, 3), INSTANTS),
    )
)


@given(STEPS)
def test_it_knows_what_a_plain_table_knows(steps: list[tuple[str, str | int, datetime]]) -> None:
    ends, table = Ends(), dict[str, datetime]()
    for what, one, at in steps:
        match what, one:
            case "put", str(slug):
                ends.put(slug, at)
                table[slug] = at
            case "drop", str(slug):
                ends.drop(slug)
                table.pop(slug, None)
            case "take", int(at_most):
                taken = ends.take(at, at_most)
                ended = sorted(end for end in table.values() if end <= at)
                assert sorted(map(table.__getitem__, taken)) == ended[:at_most]
                for slug in taken:
                    del table[slug]
        assert ends.first() == min(table.values(), default=None)


def test_tenants_that_change_again_and_again_leave_nothing_behind() -> None:
    ends = Ends()
    for _ in range(3):
        for number in range(100):
            ends.put(f"t{number}", MONTH)
    assert len(ends._queue) == 1
    assert len(ends.take(MONTH, 1000)) == 100
    assert (ends.first(), ends._queue, ends._tenants, ends._ends) == (None, [], {}, {})

"""Ended legs are listed as they are rated, in parts that one statement could have made."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxbilling.billing.rated_calls import RatedCall, RatedCalls, Wanted
from pbxbilling.billing.records import BilledLeg
from pbxbilling.calls.live.records import EndWitness
from pbxbilling.kernel.errors import NotFoundError
from pbxbilling.runtime.background import at_once
from tests.support.billing.statements import ACME, BASIC, Office, utc

NOVEMBER, DECEMBER = utc("2026-11-01T00:00"), utc("2026-12-01T00:00")
EVER = Wanted(NOVEMBER, datetime(2100, 1, 1, tzinfo=UTC))


def calls_of(office: Office) -> RatedCalls:
    store = office.store
    return RatedCalls(office.statements, store, store.statement_store, at_once)


async def walked(office: Office, span: Wanted, size: int) -> list[RatedCall]:
    """Read a span page by page."""
    found: list[RatedCall] = []
    while True:
        some = await calls_of(office).some("acme", span, size)
        assert len(some) <= size
        found += some
        if len(some) < size:
            return found
        span = replace(span, after=some[-1].end)


def billed(calls: list[RatedCall]) -> list[BilledLeg]:
    return [one.billed for one in calls]


MINUTES = st.lists(st.tuples(st.integers(0, 29), st.integers(0, 4)), max_size=9)


@given(MINUTES, st.integers(1, 4), st.integers(0, 30), st.sampled_from([None, 0, 2, 5, 9, 10_000]))
def test_pages_have_what_the_preview_has_from_any_day_on(
    legs: list[tuple[int, int]], size: int, from_day: int, included: int | None
) -> None:
    async def run() -> None:
        plan = replace(BASIC, included_minutes=included)
        office = Office("2026-11-30T23:00", plans=(plan,))
        for day, minutes in legs:
            await office.called(f"2026-11-{1 + day:02}T10:00", minutes)
        begins = NOVEMBER + timedelta(days=from_day)
        preview = (await office.statements.preview("acme")).legs
        expected = [one for one in preview if one.end.at >= begins]
        assert billed(await walked(office, replace(EVER, begins=begins), size)) == expected
        parts = [
            part async for part in calls_of(office).parts("acme", replace(EVER, begins=begins))
        ]
        assert billed([one for part in parts for one in part]) == expected

    asyncio.run(run())


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_legs_of_closed_periods_are_as_they_were_charged_last(size: int) -> None:
    office = Office("2026-11-20T12:00")
    await office.at("2026-11-20T12:00")
    guessed = {"witness": EndWitness.ESTIMATED}
    days = ("2026-11-10T10:00", "2026-11-11T10:00", "2026-11-12T10:00")
    stays, longer, moves = [await office.called(day, 2, **guessed) for day in days]
    await office.at("2026-12-02T00:00")
    charged = billed(await walked(office, EVER, size))
    assert [one.key for one in charged] == [stays.key, longer.key, moves.key]

    # One turns out to be longer, one to have ended in another period, and one was not known.
    ended_at, seen = utc("2026-12-01T08:00"), EndWitness.JOURNAL
    await office.store.commit([replace(longer, talk_us=180_000_000, witness=seen)])
    await office.store.commit([replace(moves, ended_at=ended_at, month="2026-12", witness=seen)])
    late = await office.called("2026-11-15T10:00", 1)

    for before in (True, False):
        found = await walked(office, EVER, size)
        assert [
            (one.billed.key, one.billed.of_month, one.billed.rated.leg.talk_us) for one in found
        ] == [
            (stays.key, "2026-11", 120_000_000),
            (longer.key, "2026-11", 180_000_000),
            (moves.key, "2026-11", 0),
            (late.key, "2026-11", 60_000_000),
            (moves.key, "2026-12", 120_000_000),
        ]
        assert [one.statement for one in found] == [0, *([None] * 4 if before else [0] * 4)]
        assert [one.record is not None for one in found] == [True] * 5
        assert {one.currency for one in found} == {"EUR"}
        await office.at("2027-01-02T00:00")


async def test_a_span_ends_before_its_end() -> None:
    office = Office("2026-12-20T12:00")
    await office.at("2026-12-20T12:00")
    last = await office.called("2026-12-01T00:00")
    assert await calls_of(office).some("acme", Wanted(NOVEMBER, DECEMBER), 9) == []
    (found,) = await calls_of(office).some("acme", Wanted(DECEMBER, EVER.ends), 9)
    assert found.billed.key == last.key


async def test_a_tenant_without_a_plan_for_it_is_named() -> None:
    office = Office("2026-12-20T12:00", ACME)
    with pytest.raises(NotFoundError, match="globex"):
        await calls_of(office).some("globex", EVER, 9)

"""The purge does all that is due in small batches, resumes after a stop, and reports."""

from __future__ import annotations

from datetime import time

import pytest

from pbxbilling.kernel.daily_hour import DailyHour
from pbxbilling.kernel.facts import Fact
from pbxbilling.privacy.purge import BATCH, ROUND
from pbxbilling.privacy.retention import Chore, Purged, Retention
from tests.support.kernel.clock import START, Clock
from tests.support.privacy.purges import purge_of
from tests.support.store.memory_store import MemoryStore
from tests.support.store.records import after, call, decision, leg

FOR_EVER = Retention(0, 0, 0, 0, 0)
A_DAY = Retention(calls_days=0, decisions_days=1, numbers_days=0, audit_days=0, events_days=0)
NIGHT = DailyHour(time(3), "UTC")


class Attic:
    """A store with old decisions, and a clock that each batch moves forward."""

    def __init__(self, rows: int, batch_s: float = 0.0) -> None:
        self.store, self.clock, self.facts = MemoryStore(), Clock(), list[Fact]()
        self.clock.passed_s = 2 * 86_400.0
        self.store.decided.extend(decision(second) for second in range(rows))
        self.batches: list[int] = []
        self._batch_s, self._do = batch_s, self.store.retention_store.do
        self.store.retention_store.do = self._counted  # type: ignore[method-assign]

    async def _counted(self, chore: Chore, before: object, keys: object) -> int:
        self.clock.passed_s += self._batch_s
        done = await self._do(chore, before, keys)  # type: ignore[arg-type]
        self.batches.append(done)
        return done


async def test_all_that_is_due_goes_in_batches_and_one_fact_tells_it() -> None:
    attic = Attic(ROUND + BATCH + 1)
    purged = await purge_of(attic.store, attic.clock, attic.facts, A_DAY).run()
    assert attic.store.decided == []
    assert max(attic.batches) == BATCH
    assert sum(attic.batches) == ROUND + BATCH + 1
    assert purged.rows == {Chore.DECISIONS: ROUND + BATCH + 1}
    assert attic.facts == [purged]


async def test_one_whose_time_is_over_stays_due_and_the_next_goes_on() -> None:
    attic = Attic(3 * BATCH, batch_s=1.0)
    purge = purge_of(attic.store, attic.clock, attic.facts, A_DAY)
    first = await purge.run(limit_s=2.0)
    assert (first.rows, first.complete) == ({Chore.DECISIONS: 2 * BATCH}, False)
    assert await purge.is_due(NIGHT)
    second = await purge.run()
    assert (second.rows, second.complete) == ({Chore.DECISIONS: BATCH}, True)
    assert not await purge.is_due(NIGHT)


async def test_a_dry_run_counts_and_changes_nothing() -> None:
    attic = Attic(7)
    purge = purge_of(attic.store, attic.clock, attic.facts, A_DAY)
    assert await purge.preview() == {Chore.DECISIONS: 7}
    assert len(attic.store.decided) == 7
    assert attic.facts == []
    assert await purge.is_due(NIGHT)


async def test_what_is_kept_for_ever_is_never_asked_for() -> None:
    attic = Attic(7)
    await attic.store.commit([call(ended_at=after(5)), leg()])
    purged = await purge_of(attic.store, attic.clock, attic.facts, FOR_EVER).run()
    assert purged == Purged(attic.clock.now(), {})
    assert len(attic.store.decided) == 7


@pytest.mark.parametrize(("days", "kept"), [(62, 180), (180, 180), (400, 400)])
def test_legs_of_nobody_are_kept_until_somebody_can_have_found_their_owner(
    days: int, kept: int
) -> None:
    cutoffs = dict(Retention(calls_days=days, numbers_days=days).cutoffs(START))
    assert (START - cutoffs[Chore.LEGS]).days == days
    assert (START - cutoffs[Chore.UNOWNED_LEGS]).days == kept
    assert (START - cutoffs[Chore.UNOWNED_LEG_NUMBERS]).days == kept

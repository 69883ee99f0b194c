"""Tokens that expire soon are told of once a day, while they are in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from pbxbilling.identity.facts import TokenExpiring
from pbxbilling.identity.tokens.expiry import TokenExpiry
from pbxbilling.kernel.daily_hour import DailyHour
from pbxbilling.kernel.facts import Fact
from tests.support.identity.tokens import TOKEN
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = DailyHour(time(1, 0), "UTC")


async def test_a_warning_a_day_from_two_weeks_before() -> None:
    store, clock, told = MemoryStore(), Clock(NOW), list[Fact]()
    soon = replace(TOKEN, expires_at=NOW + timedelta(days=13, hours=23))
    await store.commit(
        [
            soon,
            replace(soon, id="revoked", revoked_at=NOW),
            replace(soon, id="later", expires_at=NOW + timedelta(days=14)),
            replace(soon, id="over", expires_at=NOW - timedelta(seconds=1)),
        ]
    )
    look = TokenExpiry(store.identity_store, store, clock, told.append)
    assert await look.is_due(HOUR)
    expected = TokenExpiring(NOW, soon.id, soon.name, soon.tenant, soon.expires_at)
    assert await look.run() == told == [expected]
    assert not await look.is_due(HOUR)
    clock.move_to(NOW + timedelta(days=1))
    assert await look.is_due(HOUR)
    assert [fact.token for fact in await look.run()] == [soon.id, "later"]

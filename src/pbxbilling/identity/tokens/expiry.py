"""Warns of tokens that expire soon, once a day: a program that stops by surprise is an incident."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pbxbilling.identity.facts import TokenExpiring
from pbxbilling.identity.ports import IdentityStore
from pbxbilling.kernel.daily_hour import DailyHour
from pbxbilling.kernel.ports import Clock, Cursors, EventSink
from pbxbilling.kernel.records import Cursor

CURSOR: Final = "token expiry"
AHEAD: Final = timedelta(days=14)


class TokenExpiry:
    """The daily look at tokens. Raises StoreError."""

    def __init__(
        self, store: IdentityStore, cursors: Cursors, clock: Clock, emit: EventSink
    ) -> None:
        self._store = store
        self._cursors = cursors
        self._clock = clock
        self._emit = emit

    async def is_due(self, hour: DailyHour) -> bool:
        """Return whether there has been no look since the last due instant."""
        return hour.is_due(await self._cursors.cursor(CURSOR), self._clock.now())

    async def run(self) -> list[TokenExpiring]:
        """Publish a warning for each token in force that expires within `AHEAD`; return them."""
        now = self._clock.now()
        found = [
            TokenExpiring(now, token.id, token.name, token.tenant, token.expires_at)
            for token in await self._store.expiring(now, now + AHEAD)
        ]
        await self._cursors.commit([Cursor(CURSOR, now)], found)
        for fact in found:
            self._emit(fact)
        return found

"""Answers that are kept for a day, so that a request that is sent again is not done again.

`Idempotency-Key` names a request among those of one principal. Its answer is saved in the
transaction of its effect: after a crash either both are there or neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pbxbilling.identity.ports import IdentityStore
from pbxbilling.identity.records import AnswersExpired, KeptAnswer
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.kernel.ports import Clock
from pbxbilling.kernel.records import Record

KEPT: Final = timedelta(hours=24)


class StillRunningError(ServiceError):
    """The same request is being done at this moment."""

    status = 409
    code = "still_running"


class KeyReusedError(ServiceError):
    """The key was sent before, with another request."""

    code = "key_reused"


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a request is known by: whose it is, its key, and the digest of all that it says."""

    who: str
    key: str
    digest: str


class KeptAnswers:
    """Finds answers, and makes the records that keep them. Raises StoreError."""

    def __init__(self, store: IdentityStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._running: set[tuple[str, str]] = set()

    async def find(self, request: RequestKey) -> str | None:
        """Return the answer to a request that was done; None: it was not. Raises KeyReusedError."""
        kept = await self._store.kept_answer(request.who, request.key)
        if kept is None or self._clock.now() - kept.at >= KEPT:
            return None
        if kept.digest != request.digest:
            msg = "this Idempotency-Key was sent with another request: choose a new one"
            raise KeyReusedError(msg)
        return kept.answer

    @contextmanager
    def running(self, request: RequestKey) -> Iterator[None]:
        """Do a request, which nobody else may do meanwhile. Raises StillRunningError."""
        place = request.who, request.key
        if place in self._running:
            raise StillRunningError("the same request is being done: ask again in a second")
        self._running.add(place)
        try:
            yield
        finally:
            self._running.discard(place)

    def records(self, request: RequestKey, answer: str) -> list[Record]:
        """Return what keeps an answer, and lets go of old ones."""
        now: datetime = self._clock.now()
        kept = KeptAnswer(request.who, request.key, request.digest, answer, now)
        return [AnswersExpired(now - KEPT), kept]

"""What the store holds that grows old."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from pbxbilling.privacy.retention import Chore, Due


class RetentionStore(Protocol):
    """What the store holds that grows old; raises StoreError as the store does.

    What is still needed is never among it, however old: calls and legs that have not ended, calls
    of such legs, answered legs of a tenant that no final statement has as they are (unless they
    ended before its first one began), legs whose meter event is still to be sent, and events of
    the gateway that are not done with.
    """

    async def count(self, chore: Chore, before: datetime) -> int:
        """How many rows older than `before` there are to do it to."""
        ...

    async def due(
        self,
        chore: Chore,
        since: datetime,
        before: datetime,
        limit: int,
        *,
        tenant: str | None = None,
    ) -> Sequence[Due]:
        """Rows of [since, before) to do it to, the oldest first; of one tenant, where it is named.

        Audit and events belong to none.
        """
        ...

    async def needed(self, tenant: str) -> int:
        """How many of its answered legs a final statement or the meter still needs."""
        ...

    async def redact(self, subject: str, keys: Collection[str]) -> None:
        """Leave these keys out of what the audit trail says of a subject."""
        ...

    async def do(
        self, chore: Chore, before: datetime, keys: Sequence[tuple[str | int, ...]]
    ) -> int:
        """Do it in one transaction to those that are still due; gives how many.

        A leg that is purged goes on counting in `CallStore.usage`.
        """
        ...

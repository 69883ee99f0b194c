"""The port to rows in the store that grow old, and are then purged or cut."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from pbxbilling.privacy.retention import Chore, Due


class RetentionStore(Protocol):
    """Finds old rows, and purges them or cuts their numbers. Raises StoreError.

    Rows that are still needed are never found, however old: calls and legs that have not ended,
    calls of such legs, a tenant's answered legs that no final statement has in their present form
    (unless they ended before the period of its first one), legs whose meter event is still to be
    sent, and webhook events that are not processed.
    """

    async def count(self, chore: Chore, before: datetime) -> int:
        """Return how many rows older than `before` the chore applies to."""
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
        """Return rows of [since, before) that the chore applies to, oldest first.

        `tenant` restricts them to its own; audit rows and events belong to no tenant.
        """
        ...

    async def needed(self, tenant: str) -> int:
        """Return how many of its answered legs a final statement or the meter still needs."""
        ...

    async def redact(self, subject: str, keys: Collection[str]) -> None:
        """Remove these keys from a subject's rows of the audit trail."""
        ...

    async def forget_people(self, tenant: str, at: datetime) -> None:
        """Remove names and secrets of the tenant's users and tokens; none is in force any more."""
        ...

    async def do(
        self, chore: Chore, before: datetime, keys: Sequence[tuple[str | int, ...]]
    ) -> int:
        """Apply the chore to the rows that are still due, in one transaction; return how many.

        `CallStore.usage` still counts a purged leg.
        """
        ...

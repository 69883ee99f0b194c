"""Know which tenants' periods end next, at a cost that does not grow with their number."""

from __future__ import annotations

from datetime import datetime
from heapq import heappop, heappush


class Ends:
    """The ends of open periods.

    Most tenants share a few instants, the ends of a month: the queue has each instant once, and for
    each the tenants whose period ends then. So a file that changes 100,000 tenants leaves nothing
    in it that would have to be swept in one turn of the loop.
    """

    def __init__(self) -> None:
        self._ends: dict[str, datetime] = {}
        self._tenants: dict[datetime, set[str]] = {}
        self._queue: list[datetime] = []  # a heap of the keys above

    def put(self, slug: str, ends: datetime) -> None:
        """Note when a tenant's period ends, in place of what was noted before."""
        self.drop(slug)
        self._ends[slug] = ends
        if ends not in self._tenants:
            self._tenants[ends] = set()
            heappush(self._queue, ends)
        self._tenants[ends].add(slug)

    def drop(self, slug: str) -> None:
        """Forget a tenant's end, if it is known."""
        if (ends := self._ends.pop(slug, None)) is not None:
            self._tenants[ends].remove(slug)

    def take(self, until: datetime, at_most: int) -> set[str]:
        """Take so many tenants out whose periods have ended by then."""
        taken: set[str] = set()
        while len(taken) < at_most and (ends := self.first()) is not None and ends <= until:
            slug = self._tenants[ends].pop()
            del self._ends[slug]
            taken.add(slug)
        return taken

    def first(self) -> datetime | None:
        """Return when the next period ends; None where none is known."""
        while self._queue and not self._tenants[self._queue[0]]:
            del self._tenants[heappop(self._queue)]
        return self._queue[0] if self._queue else None

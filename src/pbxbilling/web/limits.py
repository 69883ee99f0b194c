"""Bounds what strangers can occupy of the public HTTP: connections, and work at a time.

Beyond the first, the oldest connection that has no complete request makes room, so that whoever
sends a whole request at once is served, however many wait with half of one. Beyond the second, a
request is answered with 503 at once: calls come first. The admin socket has no such bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

CONNECTIONS_MOST = 128  # each may hold a body of `LIMIT` bytes in memory
SCRAPES_MOST = 4
WORK_MOST = 16  # webhooks and reports of usage: each waits for the disk


class HttpWatch(Protocol):
    """Receives what was turned away. Its method must neither raise nor wait."""

    def turned_away(self, what: str) -> None:
        """Count one of `connection`, `metrics`, `webhook`, `usage`."""
        ...


class BusyError(Exception):
    """There is as much to do as may be done at a time: answer 503."""


class Bound:
    """Lets so many in at a time."""

    def __init__(self, what: str, most: int, watch: HttpWatch) -> None:
        self._what, self._most, self._watch = what, most, watch
        self._inside = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside. Raises BusyError where it is full."""
        if self._inside >= self._most:
            self._watch.turned_away(self._what)
            raise BusyError
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1


class Waiting(Protocol):
    """A connection."""

    @property
    def is_working(self) -> bool:
        """Whether a complete request of it is being answered."""
        ...

    def give_up(self) -> None:
        """Close it at once."""
        ...


class Connections:
    """The open connections, oldest first."""

    def __init__(self, most: int, turned_away: Callable[[str], None]) -> None:
        self._most, self._turned_away = most, turned_away
        self._open: dict[Waiting, None] = {}

    def add(self, connection: Waiting) -> None:
        """Add a new connection; beyond the bound, the oldest one that is not working is closed."""
        self._open[connection] = None
        if len(self._open) <= self._most:
            return
        oldest = next((one for one in self._open if not one.is_working), connection)
        self.remove(oldest)
        self._turned_away("connection")
        oldest.give_up()

    def remove(self, connection: Waiting) -> None:
        """Forget a connection that has ended."""
        self._open.pop(connection, None)

    def __len__(self) -> int:
        return len(self._open)

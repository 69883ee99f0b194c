"""Work that takes a while, beside the event loop: calls are judged meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Apart(Protocol):
    """Runs what takes a while without holding up calls; it must touch nothing that changes."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """The result of `work`."""
        ...


async def at_once(work: Callable[[], T]) -> T:
    """`Apart` where nobody waits."""
    return work()

"""Work that takes a while, beside the event loop or in parts: calls are judged meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")
Rest = Callable[[], Awaitable[None]]  # a turn for everybody else

A_PART = 128  # items that are made in some milliseconds


class Background(Protocol):
    """Runs what takes a while without holding up calls; it must touch nothing that changes."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """The result of `work`."""
        ...


async def at_once(work: Callable[[], T]) -> T:
    """`Apart` where nobody waits."""
    return work()


async def no_rest() -> None:
    """`Rest` where nobody waits for a turn."""


async def in_parts(items: Iterable[T], rest: Rest) -> list[T]:
    """All items, with a rest after each part of them."""
    made = []
    for number, item in enumerate(items, 1):
        made.append(item)
        if number % A_PART == 0:
            await rest()
    return made

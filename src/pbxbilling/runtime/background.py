"""Run long work beside the event loop or in parts, so that calls are judged meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")
Rest = Callable[[], Awaitable[None]]  # lets other tasks run

A_PART = 128  # items, made in a few milliseconds


class Background(Protocol):
    """Runs long work without delaying calls; the work must not touch anything that changes."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Return the result of `work`."""
        ...


async def at_once(work: Callable[[], T]) -> T:
    """Run `work` directly: the `Background` where no other task waits."""
    return work()


async def no_rest() -> None:
    """Return at once: the `Rest` where no other task waits."""


async def in_parts(items: Iterable[T], rest: Rest) -> list[T]:
    """Return all items, with a rest after every `A_PART` of them."""
    made = []
    for number, item in enumerate(items, 1):
        made.append(item)
        if number % A_PART == 0:
            await rest()
    return made

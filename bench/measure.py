"""Ratios that survive a busy machine: alternating pairs, the median and the quartiles of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeVar

T = TypeVar("T")

PAIRS = 11

Trial = Callable[[], float]


class BrokenRoundError(Exception):
    """A round did not go as it must: nothing of its measurement can be believed."""


class Times(NamedTuple):
    """What one round took, in milliseconds."""

    median: float
    p99: float

    @classmethod
    def of(cls, taken: Sequence[float]) -> Self:
        """Of the times of a round; of a single one it is both."""
        if len(taken) == 1:
            return cls(taken[0], taken[0])
        hundredths = statistics.quantiles(taken, n=100, method="inclusive")
        return cls(hundredths[49], hundredths[98])


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what we take, what the counterpart takes, and the ratio of the two.

    `ours` and `counterpart` are medians in `unit`; `ratio_median`, `q1` and `q3` are of the pairs'
    own ratios; `limit` is what the ratio must not exceed, None where the row is for information.
    Beyond the ratio it is enough that the two are `within` so many units of one another;
    `apart_q1` is the lower quartile of their differences.
    """

    name: str
    ours: float
    counterpart: float
    ratio_median: float
    q1: float
    q3: float
    unit: str
    limit: float | None = None
    within: float | None = None
    apart_q1: float = 0.0

    @property
    def held(self) -> bool:
        """Whether the limit is kept, by the lower quartile: a busy machine proves no miss."""
        if self.limit is None or self.q1 <= self.limit:
            return True
        return self.within is not None and self.apart_q1 <= self.within


def compare(
    name: str,
    ours: Trial,
    counterpart: Trial,
    *,
    unit: str,
    limit: float | None = None,
    pairs: int = PAIRS,
) -> Row:
    """Run both trials `pairs` times, each pair in the other order, after one that warms up.

    A trial gives one number in `unit`. Whatever slows the machine for a while slows both halves
    of a pair, and leaves their ratio alone.
    """
    return row(name, alternating(ours, counterpart, pairs), unit=unit, limit=limit)


def within(name: str, samples: list[float], allowed: float, *, unit: str) -> Row:
    """The line of a figure that must not exceed what is `allowed`, which is its counterpart."""
    return row(name, [(sample, allowed) for sample in samples], unit=unit, limit=1.0)


def alternating(
    ours: Callable[[], T], counterpart: Callable[[], T], pairs: int = PAIRS
) -> list[tuple[T, T]]:
    """What both trials gave, pair by pair, each in the other order, after one that warms up."""
    ours(), counterpart()
    return [_pair(ours, counterpart, swapped=bool(i % 2)) for i in range(pairs)]


def _pair(ours: Callable[[], T], counterpart: Callable[[], T], *, swapped: bool) -> tuple[T, T]:
    if swapped:
        theirs = counterpart()
        return ours(), theirs
    return ours(), counterpart()


def row(
    name: str,
    samples: list[tuple[float, float]],
    *,
    unit: str,
    limit: float | None = None,
    within: float | None = None,
) -> Row:
    """The table's line for pairs of (ours, counterpart); at least two of them."""
    q1, median, q3 = _quartiles([a / b for a, b in samples])
    return Row(
        name,
        statistics.median(a for a, _ in samples),
        statistics.median(b for _, b in samples),
        median,
        q1,
        q3,
        unit,
        limit,
        within,
        _quartiles([a - b for a, b in samples])[0],
    )


def _quartiles(values: list[float]) -> list[float]:
    return statistics.quantiles(values, n=4, method="inclusive")

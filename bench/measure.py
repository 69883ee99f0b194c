"""Ratios that survive a busy machine: alternating pairs, the median and the quartiles of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

PAIRS = 11

Trial = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what we take, what the counterpart takes, and the ratio of the two.

    `ours` and `counterpart` are medians in `unit`; `ratio_median`, `q1` and `q3` are of the pairs'
    own ratios; `limit` is what the ratio must not exceed, None where there is none yet.
    """

    name: str
    ours: float
    counterpart: float
    ratio_median: float
    q1: float
    q3: float
    unit: str
    limit: float | None = None

    @property
    def held(self) -> bool:
        """Whether the ratio is within its limit."""
        return self.limit is None or self.ratio_median <= self.limit


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
    ours(), counterpart()
    samples = [_pair(ours, counterpart, swapped=bool(i % 2)) for i in range(pairs)]
    return row(name, samples, unit=unit, limit=limit)


def _pair(ours: Trial, counterpart: Trial, *, swapped: bool) -> tuple[float, float]:
    if swapped:
        theirs = counterpart()
        return ours(), theirs
    return ours(), counterpart()


def row(
    name: str, samples: list[tuple[float, float]], *, unit: str, limit: float | None = None
) -> Row:
    """The table's line for pairs of (ours, counterpart); at least two of them."""
    q1, median, q3 = statistics.quantiles([a / b for a, b in samples], n=4, method="inclusive")
    return Row(
        name,
        statistics.median(a for a, _ in samples),
        statistics.median(b for _, b in samples),
        median,
        q1,
        q3,
        unit,
        limit,
    )

"""Ratios that hold on a busy machine: alternating pairs, with their median and quartiles."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeVar

T = TypeVar("T")

PAIRS = 11

Trial = Callable[[], float]


TRIES = 3  # of a pair whose round went wrong


class BrokenRoundError(Exception):
    """A round went wrong, and again when it was taken anew; the message names the side."""


# What a trial raises where the machine, or what it measures, did not do its part.
BROKEN = (BrokenRoundError, AssertionError, TimeoutError, ConnectionError)


class Times(NamedTuple):
    """The times of one round, in milliseconds."""

    median: float
    p99: float

    @classmethod
    def of(cls, taken: Sequence[float]) -> Self:
        """Summarise the times of a round; a single time is both the median and the percentile."""
        if len(taken) == 1:
            return cls(taken[0], taken[0])
        hundredths = statistics.quantiles(taken, n=100, method="inclusive")
        return cls(hundredths[49], hundredths[98])


@dataclass(frozen=True, slots=True)
class SideTable:
    """What each of several sides does, one line a side: for people who choose among them."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: our figure, the counterpart's, and their ratio.

    `ours` and `counterpart` are medians in `unit`; `ratio_median`, `q1` and `q3` come from the
    pairs' own ratios; `limit` is the highest allowed ratio, None where the row is for information.
    A row beyond the ratio also passes if the two are `within` so many units of one another;
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
        """Whether the limit holds, by the lower quartile: a busy machine proves no miss."""
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
    """Run both trials `pairs` times, each pair in the other order, after one to warm up.

    A trial gives one number in `unit`. Whatever slows the machine for a while slows both halves
    of a pair, and leaves their ratio alone.
    """
    return row(name, alternating(ours, counterpart, pairs), unit=unit, limit=limit)


def within(name: str, samples: list[float], allowed: float, *, unit: str) -> Row:
    """Return the row of a figure limited to `allowed`, which serves as its counterpart."""
    return row(name, [(sample, allowed) for sample in samples], unit=unit, limit=1.0)


def at_most(name: str, found: float, allowed: float, *, unit: str) -> Row:
    """Return the row of a count that may not be exceeded once; `allowed` can be 0."""
    share = found / allowed if allowed else (float("inf") if found else 0.0)
    return Row(name, found, allowed, share, share, share, unit, limit=1.0)


def alternating(
    ours: Callable[[], T], counterpart: Callable[[], T], pairs: int = PAIRS
) -> list[tuple[T, T]]:
    """Return both trials' results pair by pair, each in the other order, after one to warm up.

    A pair of which a round went wrong is taken again as a whole. Raises BrokenRoundError.
    """
    sides = {"pbxbilling": ours, "the counterpart": counterpart}
    taken = all_alternating(sides, pairs)
    return [(results["pbxbilling"], results["the counterpart"]) for results in taken]


def all_alternating(
    sides: Mapping[str, Callable[[], T]], rounds: int = PAIRS
) -> list[dict[str, T]]:
    """Return the results of several sides, name → result: of `rounds` rounds, after one to warm up.

    Every other round takes the sides from the last to the first. A round of which one went wrong is
    taken again as a whole. Raises BrokenRoundError.
    """
    named = {name: _named(name, trial) for name, trial in sides.items()}
    _unbroken(named, swapped=False)
    return [_unbroken(named, swapped=bool(i % 2)) for i in range(rounds)]


def _unbroken(sides: Mapping[str, Callable[[], T]], *, swapped: bool) -> dict[str, T]:
    order = [*sides][::-1] if swapped else [*sides]
    for _ in range(TRIES - 1):
        try:
            return {name: sides[name]() for name in order}
        except BrokenRoundError as broken:
            print(f"taken again: {broken}", file=sys.stderr)
    return {name: sides[name]() for name in order}


def _named(side: str, trial: Callable[[], T]) -> Callable[[], T]:
    """Return the trial; a round of it that goes wrong says whose it was."""

    def run() -> T:
        try:
            return trial()
        except BROKEN as broken:
            raise BrokenRoundError(f"a round of {side} went wrong: {broken!r}") from broken

    return run


def row(
    name: str,
    samples: list[tuple[float, float]],
    *,
    unit: str,
    limit: float | None = None,
    within: float | None = None,
) -> Row:
    """Return the row for pairs of (ours, counterpart); there must be at least two."""
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

"""The rate of a number on a day: that of its longest prefix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from pbxbilling.kernel.codes import LegDirection
from pbxbilling.kernel.numbers import INTERNATIONAL, Number, read


@dataclass(frozen=True, slots=True)
class DestinationRate:
    """The price of a minute to numbers of a prefix, from `since` on (a day in the tenant's zone).

    `prefix` is in digits as dialled, without a plus. Such minutes are outside the allowance and
    charged from the first one; with `in_allowance` they use it up like any other, and cost this
    rate beyond it. A later `since` of the same prefix applies from that day on.
    """

    prefix: str
    per_minute_micros: int
    name: str = ""
    since: date = date.min
    in_allowance: bool = False

    def __str__(self) -> str:
        return (
            f"{self.name} ({self.prefix})"
            if self.name and self.prefix
            else self.name or self.prefix
        )


class Rated(Protocol):
    """The part of a plan or tariff that numbers are rated by."""

    @property
    def destinations(self) -> Iterable[DestinationRate]:
        """Return its rates by prefix."""
        ...

    @property
    def included_directions(self) -> Collection[LegDirection]:
        """Return the directions that are charged beyond the allowance."""
        ...

    @property
    def overage_per_minute_micros(self) -> int:
        """Return the price of a minute beyond the allowance."""
        ...


class DestinationRates:
    """A table of destination rates, searched by number and day."""

    def __init__(self, rates: Iterable[DestinationRate], otherwise_micros: int = 0) -> None:
        """Take `otherwise_micros` as the price of other numbers' minutes beyond the allowance."""
        self._by_prefix: dict[str, list[DestinationRate]] = defaultdict(list)
        for rate in sorted(rates, key=lambda rate: rate.since, reverse=True):
            self._by_prefix[rate.prefix].append(rate)
        self._longest = max(map(len, self._by_prefix), default=0)
        self._otherwise_micros = otherwise_micros
        self._dearest: dict[date, DestinationRate | None] = {}

    @classmethod
    def of(cls, terms: Rated) -> DestinationRates:
        """Return the table of a plan or tariff."""
        outbound = LegDirection.OUTBOUND in terms.included_directions
        return cls(terms.destinations, terms.overage_per_minute_micros if outbound else 0)

    def rate(self, number: str, day: date) -> DestinationRate | None:
        """Return the rate of the longest prefix with one in force on that day; None without any.

        A number after a plus and after 00 is the same number: prefixes with and without 00 match
        it. Where the table has both, the dearer one counts, and so it does for 011 and the like,
        which is an international prefix at some sites and an area code at others. A number that no
        carrier dials has the rate of `dearest`, so that a spelling that hides the destination is
        never cheaper.
        """
        known = read(number)
        if not known.usable:
            return self.dearest(day)
        rate = self._rate(known, day)
        elsewhere = known.international_elsewhere()
        if elsewhere is None:
            return rate
        rates = [rate, self._rate(Number(elsewhere, plus=True), day)]
        return max(filter(None, rates), key=_dearness, default=None)

    def _rate(self, number: Number, day: date) -> DestinationRate | None:
        found = [(rate, len(rate.prefix) + ahead) for rate, ahead in self._candidates(number, day)]
        if not found:
            return None
        return max(found, key=_precedence)[0]

    def _candidates(self, number: Number, day: date) -> list[tuple[DestinationRate, int]]:
        """Return the rate that each spelling matches, with the count of digits its prefix omits."""
        abroad = number.international
        if abroad is None:
            spellings = [(number.digits, 0)]
        else:
            spellings = [(abroad, len(INTERNATIONAL)), (INTERNATIONAL + abroad, 0)]
        found = [(self._longest_match(digits, day), ahead) for digits, ahead in spellings]
        return [(rate, ahead) for rate, ahead in found if rate is not None]

    def _longest_match(self, digits: str, day: date) -> DestinationRate | None:
        for length in range(min(self._longest, len(digits)), 0, -1):
            rate = self._in_force(digits[:length], day)
            if rate is not None:
                return rate
        return None

    def _in_force(self, prefix: str, day: date) -> DestinationRate | None:
        for rate in self._by_prefix.get(prefix, ()):
            if rate.since <= day:
                return rate
        return None

    def dearest(self, day: date) -> DestinationRate | None:
        """Return the rate of numbers that no carrier dials: the highest price of all.

        It is charged from the first minute. None where no rate is in force on that day: then all
        numbers cost the same.
        """
        if day not in self._dearest:
            in_force = [self._in_force(prefix, day) for prefix in self._by_prefix]
            rates = [rate.per_minute_micros for rate in in_force if rate is not None]
            micros = max(*rates, self._otherwise_micros) if rates else 0
            self._dearest[day] = DestinationRate("", micros, UNUSABLE) if rates else None
        return self._dearest[day]


def _precedence(found: tuple[DestinationRate, int]) -> tuple[int, tuple[bool, int]]:
    rate, length = found
    return length, _dearness(rate)


def _dearness(rate: DestinationRate) -> tuple[bool, int]:
    return not rate.in_allowance, rate.per_minute_micros


UNUSABLE = "numbers that no carrier dials"
NO_DESTINATIONS = DestinationRates(())

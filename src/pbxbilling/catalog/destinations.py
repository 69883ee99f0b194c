"""Rates by where a call goes: the longest prefix of the number dialled, from a day on."""

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
    """What a minute to the numbers of a prefix costs, from `since` on (a day where the tenant is).

    `prefix` is in digits as they are dialled, without a plus. Such minutes are outside the
    allowance, charged from the first one; where `in_allowance` they use it up like any other, and
    cost this rate beyond it. A later `since` of the same prefix takes over from that day on.
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
        """Its rates by prefix."""
        ...

    @property
    def included_directions(self) -> Collection[LegDirection]:
        """The directions that cost anything beyond the allowance."""
        ...

    @property
    def overage_per_minute_micros(self) -> int:
        """What a minute costs there."""
        ...


class DestinationRates:
    """Destination rates, found by number and day."""

    def __init__(self, rates: Iterable[DestinationRate], otherwise_micros: int = 0) -> None:
        """`otherwise_micros` is what a minute to all other numbers costs beyond the allowance."""
        self._by_prefix: dict[str, list[DestinationRate]] = defaultdict(list)
        for rate in sorted(rates, key=lambda rate: rate.since, reverse=True):
            self._by_prefix[rate.prefix].append(rate)
        self._longest = max(map(len, self._by_prefix), default=0)
        self._otherwise_micros = otherwise_micros
        self._dearest: dict[date, DestinationRate | None] = {}

    @classmethod
    def of(cls, terms: Rated) -> DestinationRates:
        """The table of a plan or tariff."""
        outbound = LegDirection.OUTBOUND in terms.included_directions
        return cls(terms.destinations, terms.overage_per_minute_micros if outbound else 0)

    def rate(self, number: str, day: date) -> DestinationRate | None:
        """The rate of the longest prefix that has one in force on that day; None without any.

        A number behind a plus or behind 00 is one number: it is found by a prefix with 00 and
        without. Where both stand in the table the dearer one counts. One that no carrier dials
        has the rate of `dearest`: whoever spells a number so that nobody can say where it goes
        pays no less.
        """
        known = read(number)
        if not known.usable:
            return self.dearest(day)
        found = [(rate, len(rate.prefix) + ahead) for rate, ahead in self._candidates(known, day)]
        if not found:
            return None
        return max(found, key=_precedence)[0]

    def _candidates(self, number: Number, day: date) -> list[tuple[DestinationRate, int]]:
        """What spellings of the number lead to, each with the digits that its prefix spares."""
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
        """What a minute to a number costs that no carrier dials: as much as any, from the first.

        None where no rate is in force on that day: then all numbers cost the same.
        """
        if day not in self._dearest:
            in_force = [self._in_force(prefix, day) for prefix in self._by_prefix]
            rates = [rate.per_minute_micros for rate in in_force if rate is not None]
            micros = max(*rates, self._otherwise_micros) if rates else 0
            self._dearest[day] = DestinationRate("", micros, UNUSABLE) if rates else None
        return self._dearest[day]


def _precedence(found: tuple[DestinationRate, int]) -> tuple[int, bool, int]:
    rate, length = found
    return length, not rate.in_allowance, rate.per_minute_micros


UNUSABLE = "numbers that no carrier dials"
NO_DESTINATIONS = DestinationRates(())

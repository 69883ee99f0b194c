"""Rates by where a call goes: the longest prefix of the number dialled, from a day on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


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
        return f"{self.name} ({self.prefix})" if self.name else self.prefix


class DestinationTable:
    """Destination rates, found by number and day."""

    def __init__(self, rates: Iterable[DestinationRate]) -> None:
        self._by_prefix: dict[str, list[DestinationRate]] = defaultdict(list)
        for rate in sorted(rates, key=lambda rate: rate.since, reverse=True):
            self._by_prefix[rate.prefix].append(rate)
        self._longest = max(map(len, self._by_prefix), default=0)

    def rate(self, number: str, day: date) -> DestinationRate | None:
        """The rate of the longest prefix that has one in force on that day; None without any."""
        digits = number.removeprefix("+")
        for length in range(min(self._longest, len(digits)), 0, -1):
            for rate in self._by_prefix.get(digits[:length], ()):
                if rate.since <= day:
                    return rate
        return None


NO_DESTINATIONS = DestinationTable(())

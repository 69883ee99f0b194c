"""Delays those who guess: by the account from one network, and by the address.

No account is ever locked: its owner logs in from elsewhere while somebody guesses. A network is the
/24 of an IPv4 address and the /64 of an IPv6 one, since whoever has one address of it has all.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network
from typing import Final

from pbxbilling.kernel.addresses import read_ip

FREE: Final = 3  # failures that cost nothing: everybody mistypes
FREE_OF_AN_ADDRESS: Final = 20  # many people may share one
FIRST_S: Final = 1.0
MOST_S: Final = 900.0
FORGOTTEN_S: Final = 3600.0  # after the last failure
KNOWN_MOST: Final = 50_000


@dataclass(slots=True)
class _Failures:
    count: int
    at_s: float


class Throttle:
    """Counts failures in memory; at `KNOWN_MOST` the oldest are forgotten."""

    def __init__(self) -> None:
        self._failures: dict[Hashable, _Failures] = {}

    def wait_s(self, email: str, address: str, now_s: float) -> float:
        """Return for how long an attempt must not be made yet; 0: now."""
        return max(
            (self._left_s(key, free, now_s) for key, free in _keys(email, address)), default=0.0
        )

    def failed(self, email: str, address: str, now_s: float) -> None:
        """Note a failure."""
        for key, _ in _keys(email, address):
            before = self._failures.pop(key, None)
            count = before.count if before and now_s - before.at_s < FORGOTTEN_S else 0
            self._failures[key] = _Failures(count + 1, now_s)
        while len(self._failures) > KNOWN_MOST:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, email: str, address: str) -> None:
        """Forget the failures of that account from there; those of the address stay."""
        account, _ = next(_keys(email, address))
        self._failures.pop(account, None)

    def _left_s(self, key: Hashable, free: int, now_s: float) -> float:
        found = self._failures.get(key)
        if found is None or found.count < free or now_s - found.at_s >= FORGOTTEN_S:
            return 0.0
        delay_s = min(MOST_S, FIRST_S * 2.0 ** min(found.count - free, 20))
        return max(0.0, found.at_s + delay_s - now_s)


def _keys(email: str, address: str) -> Iterator[tuple[Hashable, int]]:
    """Yield what failures are counted by, and how many of each cost nothing."""
    yield (email, network_of(address)), FREE
    yield address, FREE_OF_AN_ADDRESS


def network_of(address: str) -> str:
    """Return the network of an address; a text that is none is its own."""
    try:
        given = read_ip(address)
    except ValueError:
        return address
    bits = 64 if isinstance(given, IPv6Address) else 24
    return str(ip_network(f"{given}/{bits}", strict=False))

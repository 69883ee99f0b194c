"""The peers that may connect: FastAGI has no login, so only the address can be checked."""

from __future__ import annotations

from collections.abc import Iterable

from pbxbilling.kernel.addresses import Network, read_ip

_REMEMBERED_MAX = 1024


class AllowList:
    """The networks that peers may connect from; the result for each address is cached."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self._remembered: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        """Return whether a peer at this address, IPv4, IPv6 or IPv4-mapped IPv6, may connect."""
        known = self._remembered.get(address)
        if known is None:
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            known = self._remembered[address] = self._lists(address)
        return known

    def _lists(self, address: str) -> bool:
        peer = read_ip(address.partition("%")[0])
        return any(peer in network for network in self._networks)

"""Who may ask: FastAGI has no login, so the peer's address is all there is to go by."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

_REMEMBERED_MAX = 1024


class AllowList:
    """The networks that peers may come from; an address once judged is remembered."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self._remembered: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        """Whether the peer of this address, IPv4, IPv6 or IPv4 inside IPv6, may ask."""
        known = self._remembered.get(address)
        if known is None:
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            known = self._remembered[address] = self._lists(address)
        return known

    def _lists(self, address: str) -> bool:
        peer = ip_address(address.partition("%")[0])
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return any(peer in network for network in self._networks)

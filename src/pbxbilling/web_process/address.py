"""Where a request came from, through the proxies that are trusted."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def address_of(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """Return the client's address: the peer's own, or what trusted proxies say of it.

    `forwarded` is `X-Forwarded-For`: each proxy adds the address that it was asked from, on the
    right. So the first one from the right that is no trusted proxy is the client, and whatever
    stands left of it is the client's own invention.
    """
    address = peer
    for text in reversed(forwarded.split(",")):
        if not is_in(address, proxies):
            return address
        given = text.strip()
        try:
            address = str(ip_address(given))
        except ValueError:
            return address
    return address


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Return whether an address is in one of the networks."""
    try:
        given = ip_address(address)
    except ValueError:
        return False
    given = getattr(given, "ipv4_mapped", None) or given
    return any(given in network for network in networks)

"""IP addresses, and the networks that they are in.

Peers of the hook, clients behind a proxy and programs with a token are all compared by this.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def read_ip(text: str) -> IPv4Address | IPv6Address:
    """Return an IP address; an IPv4 one that IPv6 carries (`::ffff:192.0.2.1`) is that IPv4 one.

    Raises ValueError for a text that is none.
    """
    given = ip_address(text)
    if isinstance(given, IPv6Address) and given.ipv4_mapped is not None:
        return given.ipv4_mapped
    return given


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """Return whether a text is an address in one of the networks."""
    try:
        given = read_ip(address)
    except ValueError:
        return False
    return any(given in network for network in networks)

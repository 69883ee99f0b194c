"""The clients that may ask the hook."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from pbxbilling.agi.sessions.allow_list import AllowList

LISTED = AllowList([ip_network("127.0.0.0/8"), ip_network("10.1.0.0/16"), ip_network("fd00::/8")])


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "fd00::1", "::ffff:10.1.0.9"])
def test_a_listed_address_may_ask_as_often_as_it_likes(address: str) -> None:
    assert [address in LISTED, address in LISTED] == [True, True]


@pytest.mark.parametrize("address", ["10.2.0.1", "192.0.2.1", "::1", "fe80::1%eth0"])
def test_any_other_address_never_may(address: str) -> None:
    assert [address in LISTED, address in LISTED] == [False, False]


def test_a_flood_of_addresses_is_not_remembered_for_ever() -> None:
    allow = AllowList([ip_network("10.0.0.0/8")])
    for n in range(5000):
        assert f"10.0.{n // 256}.{n % 256}" in allow
    assert len(allow._remembered) <= 1024

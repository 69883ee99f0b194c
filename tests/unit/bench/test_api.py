"""The lists that are measured are lists of the API."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from bench.api import lists
from pbxbilling.web.api import route_of

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_each_is_a_route_of_the_api() -> None:
    paths = {urlsplit(address).path for address in lists(NOW).values()}
    assert [path for path in paths if route_of("GET", path) is None] == []

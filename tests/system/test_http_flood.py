"""A flood of the public HTTP beside calls: hooks are answered, commands and the scrape go on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from rig.waiting import patience_s
from tests.support.daemon.virtual_site import VirtualSite

pytestmark = pytest.mark.system

OPEN = 600  # connections that send half a request
SCRAPERS = 8  # at once, without a pause, as fast as the daemon answers


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VirtualSite]:
    with VirtualSite(tmp_path) as site:
        site.start()
        site.apply('[plan.p]\nmax_calls = 5\n[tenant.acme]\nplan = "p"\n')
        yield site


@contextmanager
def flood(http: str) -> Iterator[list[int]]:
    """Open connections and scrape without end; yield the statuses of the scrapes."""
    host, _, port = http.rpartition(":")
    over, statuses = threading.Event(), []

    def scrape() -> None:
        while not over.is_set():
            with suppress(httpx.TransportError):
                statuses.append(
                    httpx.get(f"http://{http}/metrics", timeout=patience_s(20)).status_code
                )

    with ExitStack() as held:
        for _ in range(OPEN):
            link = held.enter_context(
                socket.create_connection((host, int(port)), timeout=patience_s(20))
            )
            link.sendall(b"POST /api/stripe/webhook HTTP/1.1\r\nHost: pbx\r\nContent-Length: 9\r\n")
        threads = [threading.Thread(target=scrape) for _ in range(SCRAPERS)]
        for thread in threads:
            thread.start()
        try:
            yield statuses
        finally:
            over.set()
            for thread in threads:
                thread.join(patience_s(30))


def test_calls_and_commands_go_on(site: VirtualSite) -> None:
    with flood(site.http) as statuses:
        for _ in range(3):
            site.call("acme", ring_s=0, talk_s=60)
        assert len(site.up(3)) == 3
        assert site.json("status")["ready"]
        site.idle()
    assert 200 in statuses
    assert set(statuses) <= {200, 503}
    assert site.metric("pbxbilling_http_turned_away_total") >= OPEN // 2
    assert site.readyz()[0] == 200
    refused = [row for row in site.json("decisions") if row["outcome"] == "refuse"]
    assert refused == []

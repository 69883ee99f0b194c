"""What is meant for another host is refused, whatever it asks for; every answer has its headers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from pbxbilling.config.sections import WebSettings
from pbxbilling.web_process.boundary import Boundary

HOSTS = WebSettings(public_url="https://billing.provider.example").own_hosts


def asked(headers: Mapping[str, str], *, trusted: bool = False) -> tuple[httpx.Response, str]:
    """Send a request; return the answer, and the id that the application was given."""
    seen = ""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal seen
        seen = scope["state"]["request_id"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(Boundary(app, HOSTS, lambda _scope: trusted))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.get("/", headers=headers)

    return asyncio.run(send()), seen


@pytest.mark.parametrize(
    "host",
    [
        "billing.provider.example",
        "Billing.Provider.Example",
        "billing.provider.example:443",
        "127.0.0.1:8081",
        "localhost:8081",
        "[::1]:8081",
    ],
)
def test_by_its_own_name_and_on_this_machine_it_is_served(host: str) -> None:
    assert asked({"Host": host})[0].text == "in"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "billing.provider.example.evil.example",
        "billing.provider.example:8081",
        "127.0.0.1",
        "localhost:80",
        "billing.provider.example\t",
    ],
)
def test_by_another_name_it_is_misdirected(host: str) -> None:
    answer, seen = asked({"Host": host})
    assert (answer.status_code, seen) == (421, "")
    assert answer.headers["cache-control"] == "no-store"


def test_a_listener_that_others_reach_has_no_name_but_that_of_its_pages() -> None:
    web = WebSettings(listen="0.0.0.0:8081", public_url="https://billing.provider.example:8443")
    assert web.own_hosts == {"billing.provider.example:8443"}


def test_each_answer_says_what_a_browser_may_do_with_it_and_its_id() -> None:
    answer, seen = asked({"Host": "localhost:8081"})
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == seen
    assert len(seen) == 16
    assert asked({"Host": "localhost:8081"})[1] != seen


def test_an_id_is_taken_over_from_a_proxy_of_ours_alone() -> None:
    given = {"Host": "localhost:8081", "X-Request-Id": "edge-7"}
    assert asked(given, trusted=True)[1] == "edge-7"
    assert asked(given)[1] != "edge-7"
    hostile = {"Host": "localhost:8081", "X-Request-Id": "a b\"'<"}
    assert len(asked(hostile, trusted=True)[1]) == 16

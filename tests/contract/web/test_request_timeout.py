"""Public HTTP on a real socket: a slow, endless or vanished client leaves the next one served."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from pbxbilling.gateways.stripe.signature import StripeWebhooks
from pbxbilling.subscriptions.receive import LIMIT, WebhookReceiver
from pbxbilling.web import protocols as patience
from pbxbilling.web.public import public_app
from pbxbilling.web.server import serve_public, tcp_listener
from rig.waiting import patience_s
from tests.support.billing.figures import Unscraped
from tests.support.kernel.clock import Clock
from tests.support.store.memory_store import MemoryStore
from tests.support.web.turned_away import TurnedAway

HOST = b"Host: pbx\r\n"
POST = b"POST /api/stripe/webhook HTTP/1.1\r\n" + HOST
PATIENCE_S = 0.3


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """Serve the public application; yield its port."""
    store, clock = MemoryStore(), Clock()
    reader = StripeWebhooks(("whsec",), clock)
    webhook = WebhookReceiver(reader, store, clock, lambda _: None, lambda _: None, live=False)
    shown, away = Unscraped(), TurnedAway()
    listener = tcp_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]
    serving = asyncio.create_task(
        serve_public(public_app(shown, shown, away, webhook), listener, away)
    )
    try:
        yield port
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


async def heard(port: int, *sent: bytes, pause_s: float = 0.0) -> bytes:
    """Return the server's answer to these bytes, until it closes the connection."""
    answer = b""
    async with asyncio.timeout(patience_s(10)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            for piece in sent:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
            answer = await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return answer


async def is_served(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/healthz")).text == "ok\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "REQUEST_S", PATIENCE_S)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "sent",
    [
        (),
        (b"GET /healthz HTTP/1.1\r\n",),
        (b"GET /healthz HTTP/1.1\r\n", *[b"A: b\r\n"] * 60),
        (POST + b"Content-Length: 100\r\n\r\n", *[b"x"] * 60),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 60),
    ],
    ids=["silent", "half a line", "header by header", "byte by byte", "chunk by chunk"],
)
async def test_a_slow_request_is_dropped_without_an_answer(sent: tuple[bytes, ...]) -> None:
    async with serving() as port:
        assert b"200" not in await heard(port, *sent, pause_s=0.02)
        await is_served(port)


async def test_a_mebibyte_of_header_is_refused() -> None:
    async with serving() as port:
        flood = [b"GET /healthz HTTP/1.1\r\nA: ", *[b"x" * 65536] * 16]
        assert b"200 OK" not in await heard(port, *flood)
        await is_served(port)


async def test_an_endless_body_is_refused_at_its_limit() -> None:
    async with serving() as port:
        pieces = [b"10000\r\n" + b"x" * 65536 + b"\r\n"] * (LIMIT // 65536 + 1)
        ending = b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert b" 400 " in await heard(port, POST + ending, *pieces)
        await is_served(port)


async def test_a_client_that_disconnects_within_a_body_causes_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + b"Content-Length: 100\r\n\r\nx")
        await writer.drain()
        await is_served(port)
        writer.transport.abort()
        await is_served(port)
        await is_served(port)
    errors = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert errors == []

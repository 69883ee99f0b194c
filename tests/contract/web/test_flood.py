"""A flood of the public HTTP: what is sent whole is served, the rest makes room and is counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pbxbilling.billing.facts import UsageResult
from pbxbilling.identity.principal import Principal
from pbxbilling.web import protocols
from pbxbilling.web.limits import CONNECTIONS_MOST, SCRAPES_MOST, WORK_MOST
from pbxbilling.web.public import public_app
from pbxbilling.web.server import serve_public, tcp_listener
from pbxbilling.web.usage import UsageAnswer
from rig.waiting import patience_s
from tests.support.billing.figures import Unscraped
from tests.support.web.turned_away import TurnedAway

GET = b"GET /healthz HTTP/1.1\r\nHost: pbx\r\nConnection: close\r\n\r\n"
SCRAPE = GET.replace(b"/healthz", b"/metrics")
HALF = b"POST /api/stripe/webhook HTTP/1.1\r\nHost: pbx\r\nContent-Length: 9\r\n\r\nhalf"
USAGE = (
    b"POST /api/v1/usage HTTP/1.1\r\nHost: pbx\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
)


class Slow(Unscraped):
    """Scrapes and takes usage once it may."""

    limit = 100

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.begun = 0

    async def scrape(self) -> bytes:
        self.begun += 1
        await self.go_on.wait()
        return b"scraped"

    async def principal_of(self, _authorization: str, _address: str) -> Principal:
        return Principal.command("anybody")

    def why_not(self, _principal: Principal) -> None:
        return None

    def refuse(self, result: UsageResult, reason: str) -> UsageAnswer:
        raise AssertionError((result, reason))

    async def receive(self, _body: bytes, _principal: Principal) -> UsageAnswer:
        self.begun += 1
        await self.go_on.wait()
        return UsageAnswer(200, b"taken")


class Site:
    def __init__(self, port: int, slow: Slow, away: TurnedAway) -> None:
        self.port, self.slow, self.away = port, slow, away

    async def said(self, sent: bytes) -> bytes:
        """Return the whole answer to a request."""
        async with asyncio.timeout(patience_s(20)):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(sent)
            answer = b""
            with contextlib.suppress(ConnectionError):
                answer = await reader.read()
            writer.close()
            return answer

    async def until(self, begun: int) -> None:
        async with asyncio.timeout(patience_s(20)):
            while self.slow.begun < begun:  # noqa: ASYNC110  nobody announces it
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    slow, away = Slow(), TurnedAway()
    listener = tcp_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]
    app = public_app(slow, slow, away, usage=slow)  # type: ignore[arg-type]
    task = asyncio.create_task(serve_public(app, listener, away))
    try:
        yield Site(port, slow, away)
    finally:
        slow.go_on.set()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("sent", [b"", b"GET /met", HALF, GET.replace(b"close", b"keep-alive")])
async def test_any_number_of_open_connections_leaves_whole_requests_served(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocols, "REQUEST_S", 600.0)  # its limit closes none of them meanwhile
    many = CONNECTIONS_MOST + 200
    async with serving() as site:
        readers, writers = [], []
        async with asyncio.timeout(patience_s(60)):
            for _ in range(many):
                reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
                writer.write(sent)
                readers.append(reader)
                writers.append(writer)
            while site.away.counted["connection"] < many - CONNECTIONS_MOST:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            for _ in range(5):
                assert (await site.said(GET)).startswith(b"HTTP/1.1 200")
            # The oldest ones, all of them from outside, have made room and are closed.
            for reader in readers[: many - CONNECTIONS_MOST]:
                with contextlib.suppress(ConnectionError):
                    await reader.read()
        assert site.away.counted["connection"] >= many - CONNECTIONS_MOST
        for writer in writers:
            writer.close()


@pytest.mark.parametrize(
    ("request_", "what", "most"), [(SCRAPE, "metrics", SCRAPES_MOST), (USAGE, "usage", WORK_MOST)]
)
async def test_work_beyond_the_bound_is_answered_at_once_and_the_rest_is_done(
    request_: bytes, what: str, most: int
) -> None:
    async with serving() as site:
        inside = [asyncio.create_task(site.said(request_)) for _ in range(most)]
        await site.until(most)
        for _ in range(3):
            answer = await site.said(request_)
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"retry-after: 1" in answer.lower()
            assert (await site.said(GET)).startswith(b"HTTP/1.1 200")
        assert site.away.counted == {what: 3}
        site.slow.go_on.set()
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in await asyncio.gather(*inside))
        assert (await site.said(request_)).startswith(b"HTTP/1.1 200")


async def test_a_request_that_is_being_answered_is_not_given_up() -> None:
    async with serving() as site:
        first = asyncio.create_task(site.said(SCRAPE))
        await site.until(1)
        async with asyncio.timeout(patience_s(60)):
            for _ in range(2 * CONNECTIONS_MOST):
                _, writer = await asyncio.open_connection("127.0.0.1", site.port)
                writer.close()
        site.slow.go_on.set()
        assert (await first).endswith(b"scraped")

"""Hands requests on to the daemon, no more of them at a time than calls would not notice."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
from fastapi import Request, Response

from pbxbilling.kernel.errors import NeedsDaemonError, ServiceError
from pbxbilling.kernel.ports import Clock
from pbxbilling.web.actor import PRINCIPAL
from pbxbilling.web.api.routing import Who

AT_ONCE: Final = 2
WAITING_MOST: Final = 64
EVERY_S: Final = 0.02  # between two, so that calls are judged in between
ANSWER_S: Final = 30.0
BODY_MOST: Final = 1_000_000  # bytes

_SENT_ON: Final = ("content-type", "if-match", "idempotency-key")
_GIVEN_BACK: Final = ("content-type", "etag", "retry-after")


class BusyError(ServiceError):
    """So many requests wait for the daemon that another one would wait too long."""

    status = 503
    code = "busy"


class OversizedError(ServiceError):
    """The body is longer than any that a route takes here."""

    status = 413
    code = "too_large"


class Forwarder:
    """Sends requests over the admin socket."""

    def __init__(self, admin: Path, clock: Clock) -> None:
        self._admin = admin
        self._clock = clock
        # Without a context httpx reads all certificates, which takes 50 ms.
        no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        transport = httpx.AsyncHTTPTransport(uds=str(admin), verify=no_tls)
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://daemon", timeout=ANSWER_S
        )
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._next_at = clock.monotonic()
        self._waiting = 0

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def endpoint(self, request: Request, principal: Who) -> Response:
        """Answer a request as the daemon does. Raises ServiceError where none answers."""
        body = await _body_of(request)
        if self._waiting >= WAITING_MOST:
            raise BusyError("too many requests wait for the daemon: try again in a second")
        self._waiting += 1
        try:
            async with self._at_once:
                await self._pause()
                answer = await self._sent(request, principal, body)
        finally:
            self._waiting -= 1
        return Response(answer.content, answer.status_code, _some(answer.headers, _GIVEN_BACK))

    async def _pause(self) -> None:
        """Wait for this request's turn: `EVERY_S` after the one before."""
        now = self._clock.monotonic()
        turn = max(now, self._next_at)
        self._next_at = turn + EVERY_S
        if turn > now:
            await asyncio.sleep(turn - now)

    async def _sent(self, request: Request, principal: Who, body: bytes) -> httpx.Response:
        headers = _some(request.headers, _SENT_ON)
        headers[PRINCIPAL] = f"{principal.type} {principal.ident}"
        url = httpx.URL(
            path=request.url.path, query=request.url.query.encode("ascii", "backslashreplace")
        )
        try:
            return await self._client.request(
                request.method, url, content=body or None, headers=headers
            )
        except httpx.ConnectError as error:
            msg = "the daemon does not run: nothing was changed; what is on record can be read"
            raise NeedsDaemonError(msg) from error
        except httpx.HTTPError as error:
            msg = f"the daemon did not answer ({error!r}): look before you repeat it"
            raise NeedsDaemonError(msg) from error


async def _body_of(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_MOST:
            raise OversizedError(f"body: more than {BODY_MOST} bytes")
    return bytes(body)


def _some(headers: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}

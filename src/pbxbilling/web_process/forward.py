"""Hands requests on to the daemon, no more of them at a time than calls would not notice."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import httpx
from fastapi import Request, Response

from pbxbilling.identity.principal import Principal
from pbxbilling.kernel.errors import BusyError, NeedsDaemonError, ServiceError
from pbxbilling.kernel.ports import Clock
from pbxbilling.web.actor import GRANT, PRINCIPAL
from pbxbilling.web.api.conditions import REPLAYED
from pbxbilling.web.api.me import Grant, Proof, RecoveryCode
from pbxbilling.web.api.routing import Who
from pbxbilling.web.api.schema import ADDRESS, PREFIX, REQUEST_ID, Schema
from pbxbilling.web_process.sessions.store import Session

AT_ONCE: Final = 2
WAITING_MOST: Final = 64
EVERY_S: Final = 0.02  # between two, so that calls are judged in between
ANSWER_S: Final = 30.0
BODY_MOST: Final = 1_000_000  # bytes

_SENT_ON: Final = ("content-type", "if-match", "idempotency-key")
_GIVEN_BACK: Final = ("content-type", "etag", "link", "retry-after", REPLAYED)


class OversizedError(ServiceError):
    """The body is longer than any that a route takes here."""

    status = 413
    code = "too_large"


class RefusedThereError(ServiceError):
    """The daemon has refused it, with its own status, code and message."""

    def __init__(self, answer: httpx.Response) -> None:
        said = answer.json()
        super().__init__(said["detail"])
        self.status, self.code = answer.status_code, said["code"]  # type: ignore[misc]


class Forwarder:
    """Sends requests over the admin socket."""

    def __init__(self, admin: Path, clock: Clock, address_of: Callable[[Request], str]) -> None:
        self._address_of = address_of
        self._clock = clock
        self._client = admin_client(admin, ANSWER_S)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._next_at = clock.monotonic()
        self._waiting = 0

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def step_up(self, principal: Principal, proof: Proof, address: str) -> Grant:
        """Return the daemon's grant for a user who shows once more who they are."""
        answer = await self._asked(principal, "/me/step-up", proof, address)
        return Grant.model_validate_json(answer.content)

    async def use_recovery(self, user: Principal, code: str, address: str) -> None:
        """Have the daemon use a recovery code up. Raises ServiceError where it does not."""
        await self._asked(user, "/me/recovery", RecoveryCode(code=code), address)

    async def _asked(
        self, principal: Principal, path: str, body: Schema, address: str
    ) -> httpx.Response:
        headers = {**_acting(principal, address), "content-type": "application/json"}
        content = body.model_dump_json().encode()
        answer = await self._turn("POST", httpx.URL(f"{PREFIX}{path}"), headers, content)
        if answer.status_code != httpx.codes.OK:
            raise RefusedThereError(answer)
        return answer

    async def endpoint(self, request: Request, principal: Who) -> Response:
        """Answer a request as the daemon does. Raises ServiceError where none answers."""
        body = await _body_of(request)
        headers = _some(request.headers, _SENT_ON)
        headers |= _acting(principal, self._address_of(request))
        headers[REQUEST_ID] = request.state.request_id
        session: Session | None = getattr(request.state, "session", None)
        if session is not None and session.step_up:
            headers[GRANT] = session.step_up
        query = request.url.query.encode("ascii", "backslashreplace")
        url = httpx.URL(path=request.url.path, query=query)
        answer = await self._turn(request.method, url, headers, body)
        return Response(answer.content, answer.status_code, _some(answer.headers, _GIVEN_BACK))

    async def _turn(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        """Send a request when it is its turn."""
        if self._waiting >= WAITING_MOST:
            raise BusyError("too many requests wait for the daemon: try again in a second")
        self._waiting += 1
        try:
            async with self._at_once:
                await self._pause()
                return await self._sent(method, url, headers, body)
        finally:
            self._waiting -= 1

    async def _pause(self) -> None:
        """Wait for this request's turn: `EVERY_S` after the one before."""
        now = self._clock.monotonic()
        turn = max(now, self._next_at)
        self._next_at = turn + EVERY_S
        if turn > now:
            await asyncio.sleep(turn - now)

    async def _sent(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        try:
            return await self._client.request(
                method, url, content=body or None, headers=dict(headers)
            )
        except httpx.ConnectError as error:
            msg = "the daemon does not run: nothing was changed; what is on record can be read"
            raise NeedsDaemonError(msg) from error
        except httpx.HTTPError as error:
            msg = f"the daemon did not answer ({error!r}): look before you repeat it"
            raise NeedsDaemonError(msg) from error


def admin_client(admin: Path, timeout_s: float) -> httpx.AsyncClient:
    """Return a client of the admin socket, whose every wait is so long at the most."""
    # Without a context httpx reads all certificates, which takes 50 ms.
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    transport = httpx.AsyncHTTPTransport(uds=str(admin), verify=no_tls)
    return httpx.AsyncClient(transport=transport, base_url="http://daemon", timeout=timeout_s)


def _acting(principal: Principal, address: str) -> dict[str, str]:
    """Return the headers that say for whom the daemon is asked, and where they are."""
    return {PRINCIPAL: f"{principal.type} {principal.ident}", ADDRESS: address}


async def _body_of(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_MOST:
            raise OversizedError(f"body: more than {BODY_MOST} bytes")
    return bytes(body)


def _some(headers: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}

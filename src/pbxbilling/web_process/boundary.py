"""The first that a request meets: whom it was meant for, its id, and the headers of its answer."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pbxbilling.web.api.problems import MEDIA_TYPE, problem
from pbxbilling.web.api.schema import REQUEST_ID

_IDS: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none';"
        " base-uri 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


LIVE_AGE: Final = "x-live-age"
"""The header that says how many seconds ago the daemon was heard."""


class Live(Protocol):
    """What is live, as the daemon tells it."""

    @property
    def is_fresh(self) -> bool:
        """Whether the daemon was heard lately."""
        ...

    @property
    def age_s(self) -> float:
        """How long ago it was heard."""
        ...


class Boundary:
    """Refuses what is meant for another host, as a name that leads here from elsewhere.

    `is_trusted` says of a request whether a proxy of ours has sent it: only then its
    `X-Request-Id` is taken over.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Collection[str],
        is_trusted: Callable[[Scope], bool],
        live: Live | None = None,
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._is_trusted = is_trusted
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        ident = given if _IDS.fullmatch(given) and self._is_trusted(scope) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = ident
        added = {REQUEST_ID: ident}
        if self._live is not None and self._live.is_fresh:
            added[LIVE_AGE] = f"{self._live.age_s:.1f}"
        if headers.get("host", "").lower() in self._hosts:
            await self._app(scope, receive, _with_headers(send, added))
        else:
            await _misdirected(_with_headers(send, added), headers.get("host", ""), scope["path"])


def _with_headers(send: Send, given: Mapping[str, str]) -> Callable[[Message], Awaitable[None]]:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.update(given)
        await send(message)

    return sent


async def _misdirected(send: Send, host: str, path: str) -> None:
    """Answer 421, RFC 9110 section 15.5.20."""
    why = f"{host!r} is not what this site is called: use the address in web.public_url"
    body = problem(421, "misdirected", why, path)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": body})

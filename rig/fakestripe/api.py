"""The HTTP side of the API: keys, parameters, idempotency, faults; `endpoints` does the work."""

import asyncio
import base64
import json
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl

from aiohttp import web

from rig.fakestripe import forms
from rig.fakestripe.bodies import Body
from rig.fakestripe.books import Books
from rig.fakestripe.endpoints import ENDPOINTS, Endpoint
from rig.fakestripe.faults import Fault
from rig.fakestripe.rejections import RejectedError, bad_key
from rig.fakestripe.requests import Request, expanded

IDEMPOTENCY_KEPT_S = 24 * 3600
_REQUESTS_KEPT = 10_000


class Asked(NamedTuple):
    """One request that arrived, including one swallowed by a fault."""

    method: str
    path: str
    params: Body
    idempotency_key: str | None


class _Remembered(NamedTuple):
    at: int
    request: tuple[str, str, Body]
    status: int
    body: Body


@dataclass(slots=True)
class Breakage:
    """A fault for requests whose path begins with `path`, `left` times (None: without limit)."""

    fault: Fault
    path: str
    left: int | None

    def strikes(self, path: str) -> bool:
        """Return whether this request meets the fault, and count it."""
        if not path.startswith(self.path) or self.left == 0:
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Api:
    """Answers every request of the server."""

    def __init__(self, books: Books, keys: dict[str, bool]) -> None:
        """`keys` maps each secret key to whether it is a live one."""
        self.breakage: Breakage | None = None
        self.asked: deque[Asked] = deque(maxlen=_REQUESTS_KEPT)
        self._books = books
        self._keys = keys
        self._remembered: dict[str, _Remembered] = {}

    def application(self) -> web.Application:
        """Return the application that aiohttp serves."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        # The stripe package sends the parameters of a DELETE in the query string.
        pairs = [*http.query.items(), *parse_qsl(await http.text(), keep_blank_values=True)]
        params = forms.parsed(pairs)
        self.asked.append(
            Asked(http.method, http.path, params, http.headers.get("Idempotency-Key"))
        )
        breakage = self.breakage
        fault = breakage.fault if breakage and breakage.strikes(http.path) else None
        if fault is Fault.ANSWER_LOST:
            self._answer(http, params)
        if fault:
            return await self._failing(http, fault)
        return self._answer(http, params)

    def _answer(self, http: web.Request, params: Body) -> web.Response:
        try:
            with self._books.lock:
                status, body, replayed = self._remembering(http, params)
        except RejectedError as rejection:
            status, body, replayed = rejection.status, rejection.body, False
        response = self._json(status, body)
        if replayed:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    def _remembering(self, http: web.Request, params: Body) -> tuple[int, Body, bool]:
        """Answer the request, or repeat the answer given to its idempotency key within a day."""
        livemode = self._mode(http)
        key = http.headers.get("Idempotency-Key")
        if http.method != "POST" or not key:
            return 200, self._done(http, params, livemode=livemode), False
        now, request = self._books.clock.now(), (http.method, http.path, params)
        before = self._remembered.get(key)
        if before and now - before.at < IDEMPOTENCY_KEPT_S:
            if before.request != request:
                raise RejectedError(
                    "Keys for idempotent requests can only be used with the same parameters they"
                    " were first used with.",
                    kind="idempotency_error",
                )
            return before.status, before.body, True
        body = self._done(http, params, livemode=livemode)
        self._remembered[key] = _Remembered(now, request, 200, body)
        return 200, body, False

    def _done(self, http: web.Request, params: Body, *, livemode: bool) -> Body:
        endpoint, ids = _endpoint(http)
        endpoint.check(params)
        request = Request(self._books, livemode, http.path, ids, params)
        return expanded(request, endpoint.answer(request))

    def _mode(self, http: web.Request) -> bool:
        """Return whether the key is a live one. Raises RejectedError for an unknown key."""
        kind, _, given = http.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            given = base64.b64decode(given).decode().partition(":")[0]
        if given not in self._keys:
            raise bad_key(given)
        return self._keys[given]

    async def _failing(self, http: web.Request, fault: Fault) -> web.StreamResponse:
        if fault in (Fault.DOWN, Fault.ANSWER_LOST):
            return _hung_up(http)
        if fault is Fault.SLOW:
            await asyncio.Event().wait()
        if fault is Fault.NONSENSE:
            text = "<html><body><h1>It works!</h1></body></html>"
            return web.Response(text=text, content_type="text/html", headers=self._date())
        if fault is Fault.RATE_LIMITED:
            said = RejectedError("Request rate limit exceeded.", status=429, code="rate_limit")
        else:
            said = RejectedError("An unknown error occurred.", status=500, kind="api_error")
        return self._json(said.status, said.body)

    def _json(self, status: int, body: Body) -> web.Response:
        return web.Response(
            status=status,
            text=json.dumps(body),
            content_type="application/json",
            headers=self._date() | {"Request-Id": "req_fake"},
        )

    def _date(self) -> dict[str, str]:
        return {"Date": self._books.clock.http_date()}


def _endpoint(http: web.Request) -> tuple[Endpoint, tuple[str, ...]]:
    for endpoint in ENDPOINTS:
        ids = endpoint.match(http.method, http.path)
        if ids is not None:
            return endpoint, ids
    raise RejectedError(f"Unrecognized request URL ({http.method}: {http.path}).", status=404)


def _hung_up(http: web.Request) -> web.Response:
    """Break the connection without an answer: the returned response goes nowhere."""
    if http.transport:
        http.transport.abort()
    return web.Response()

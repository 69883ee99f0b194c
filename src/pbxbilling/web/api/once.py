"""Requests with an `Idempotency-Key`: sent again, they are answered again, and not done again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response

from pbxbilling.identity.kept_answers import RequestKey
from pbxbilling.kernel.records import Record, nothing_more
from pbxbilling.web.api.routing import Served, Who
from pbxbilling.web.api.shape import encoded, plain

T = TypeVar("T")
Also = Callable[[T], Sequence[Record]]

REPLAYED = "idempotency-replayed"
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Sent again with the same key within a day, the request is not done again.",
    ),
]


class Once:
    """Does what a request asks for, once for its key; without a key each time."""

    def __init__(self, request: Request, services: Served, principal: Who, key: str | None) -> None:
        self._request = request
        self._answers = services.identity.kept_answers
        self._who = f"{principal.type} {principal.ident or principal.name}"
        self._key = key

    async def do(
        self, work: Callable[[Also[T]], Awaitable[T]], shown: Callable[[T], Any] = plain
    ) -> Response:
        """Return the answer; `work` saves the records that it is given with its effect."""
        if self._key is None:
            return _answer(encoded(shown(await work(nothing_more))).decode())
        request = RequestKey(self._who, self._key, await self._digest())
        with self._answers.running(request):
            kept = await self._answers.find(request)
            if kept is not None:
                return _answer(kept, {REPLAYED: "true"})
            made = ""

            def also(result: T) -> Sequence[Record]:
                nonlocal made
                made = encoded(shown(result)).decode()
                return self._answers.records(request, made)

            await work(also)
        return _answer(made)

    async def _digest(self) -> str:
        said = sha256(f"{self._request.method} {self._request.url.path}\n".encode())
        said.update(await self._request.body())
        return said.hexdigest()


def _answer(text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text, 200, headers, "application/json")


async def _once(request: Request, services: Served, principal: Who, key: Key = None) -> Once:
    return Once(request, services, principal, key)


OnlyOnce = Annotated[Once, Depends(_once)]

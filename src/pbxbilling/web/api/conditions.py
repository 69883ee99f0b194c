"""Conditions of requests: not done again for their `Idempotency-Key`, not done on what is stale.

With a key, a request sent again is answered again, and not done again.

The `ETag` of an answer (RFC 9110, 8.8.3) is a digest of what can be edited in it. A change carries
it in `If-Match`, and is refused where somebody else has been faster.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Header, Request, Response

from pbxbilling.identity.kept_answers import RequestKey
from pbxbilling.kernel.audit import ActorType
from pbxbilling.kernel.errors import ServiceError
from pbxbilling.kernel.records import Record, nothing_more
from pbxbilling.web.api.routing import Served, Who
from pbxbilling.web.api.schema import Responses
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


_ANY: Final = "*"
TAGGED: Final[Responses] = {
    200: {
        "headers": {
            "ETag": {
                "description": "The version, for `If-Match` of a change.",
                "schema": {"type": "string"},
            }
        }
    }
}
"""What the document says of a route whose answer has a version."""

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1000,
        description="The ETag of the version to change; `*`: whatever is there. Users and tokens"
        " must send it.",
    ),
]


class StaleError(ServiceError):
    """Somebody else has changed it since it was read."""

    status = 412
    code = "stale"


class UnconditionalError(ServiceError):
    """The request does not say which version it changes."""

    status = 428
    code = "unconditional"


class Expected:
    """The versions that a request may change."""

    def __init__(self, if_match: str) -> None:
        self._tags = {tag.strip() for tag in if_match.split(",")}

    def check(self, present: Any) -> None:
        """Raise StaleError where what is there has another version."""
        if _ANY not in self._tags and tag_of(present) not in self._tags:
            raise StaleError("it was changed meanwhile: read it again, then repeat your change")


def tag_of(edited: Any) -> str:
    """Return the ETag of what can be edited."""
    return f'"{sha256(encoded(plain(edited))).hexdigest()[:32]}"'


def tagged(answer: Response, edited: Any) -> Response:
    """Return the answer with the version of what can be edited in it."""
    answer.headers["ETag"] = tag_of(edited)
    return answer


async def _expected(principal: Who, if_match: IfMatch = None) -> Expected:
    if if_match is None and principal.type is not ActorType.COMMAND:
        raise UnconditionalError(
            "If-Match: send the ETag of the version that you have read, or * for any"
        )
    return Expected(_ANY if if_match is None else if_match)


ExpectedVersion = Annotated[Expected, Depends(_expected)]
